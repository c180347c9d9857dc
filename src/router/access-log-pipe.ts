// The way of the access log from HAProxy to the log collector: a named pipe. HAProxy holds both of its ends, so it
// outlives restarts of the collector, of the daemon and of HAProxy's workers; lines wait in it (64 KiB, some two
// hundred lines) while nobody reads. HAProxy never waits: what does not fit is dropped and counted (`DroppedLogs`).

import { execFile } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { type AccessLine, parseAccessLine } from './access-log.js';

/** Bytes of lines that may wait in the reader for a slow consumer, before they wait in the pipe. */
const READ_AHEAD_BYTES = 4 * 1024 * 1024;
/** HAProxy cuts its lines at 4096 bytes. */
const LINE_LIMIT = 8192;

/** Makes the named pipe at `path` (mode 0600) if it is not there; safe to call twice and from several processes. */
export async function ensureAccessLogPipe(path: string): Promise<void> {
  if (await isPipe(path)) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', '--', path]);
  } catch (error) {
    if (!(await isPipe(path))) throw error;
  }
}

/**
 * Opens the pipe for reading and writing, so that neither end ever sees the other one missing. Gives a plain
 * descriptor, which the caller closes: a FileHandle would close it a second time, under a stream or a child.
 */
export async function openAccessLogPipe(path: string): Promise<number> {
  await ensureAccessLogPipe(path);
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
}

/**
 * The router lines of all apps, as they are written, until `signal` aborts. Makes the pipe if it is not there, so it
 * may be called before the router runs. One reader at a time: two would share the lines out.
 */
export async function* receiveAccessLog(options: {
  path: string;
  signal: AbortSignal;
}): AsyncGenerator<AccessLine, void, undefined> {
  if (options.signal.aborted) return;
  const socket = new Socket({
    fd: await openAccessLogPipe(options.path),
    readable: true,
    writable: false,
    // Not in the types of net.Socket, but it is a Duplex and hands its options on.
    ...{ readableHighWaterMark: READ_AHEAD_BYTES },
  });
  const stop = () => socket.destroy();
  options.signal.addEventListener('abort', stop, { once: true });
  try {
    yield* readLines(socket);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    options.signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<AccessLine, void, undefined> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LIMIT) rest = '';
    for (const line of lines) {
      const parsed = parseAccessLine(line);
      if (parsed !== undefined) yield parsed;
    }
  }
}

async function isPipe(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFIFO();
  } catch {
    return false;
  }
}
