// The way back from HAProxy: its boot queue (config.ts) connects here and names an app that is asleep and wanted. It
// repeats that each second while the app sleeps, so nothing is lost when nobody listens for a while.

import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import type { Logger } from '../log.js';
import { checkAppId } from './router-state.js';

const MESSAGE_LIMIT_BYTES = 100;
const MESSAGE_TIMEOUT_MS = 2000;

/** Listens on the unix socket `path` (mode 0600) until `signal` aborts; calls `onWake` with each app id that is sent. */
export async function listenForWakes(options: {
  path: string;
  onWake: (appId: string) => void;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { path, onWake, log, signal } = options;
  signal.throwIfAborted();
  // Left over by a daemon that was killed; the data directory has one daemon at a time.
  await rm(path, { force: true });
  const server = createServer((socket) => {
    readMessage(socket)
      .then((appId) => appId !== undefined && onWake(appId))
      .catch((err: unknown) => log.warn({ err }, 'a wake was not understood'));
  });
  server.listen(path);
  await once(server, 'listening');
  await chmod(path, 0o600);
  // Such as no file left for one more connection; the request says it again.
  server.on('error', (err) => log.warn({ err }, 'a wake was not heard'));
  if (!signal.aborted) await once(signal, 'abort');
  server.close();
}

/** One line with an app id; undefined when the connection ends without one. */
async function readMessage(socket: Socket): Promise<string | undefined> {
  socket.setTimeout(MESSAGE_TIMEOUT_MS, () => socket.destroy());
  try {
    let text = '';
    // Without an encoding a socket gives buffers.
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1');
      const end = text.indexOf('\n');
      if (end >= 0) return checkAppId(text.slice(0, end));
      if (text.length > MESSAGE_LIMIT_BYTES) return undefined;
    }
    return undefined;
  } finally {
    socket.destroy();
  }
}
