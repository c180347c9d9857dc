// The socket that pre-receive hooks connect to: one JSON line in, messages to print and an exit code out.

import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Logger } from '../log.js';
import type { RefUpdate } from './push-rules.js';

/** What a hook brings. */
export interface HookRequest {
  readonly pushId: string;
  readonly updates: readonly RefUpdate[];
  /** `GIT_*` variables with which git finds the pushed objects. */
  readonly objectEnv: Readonly<Record<string, string>>;
}

/** A hook that waits for an answer. */
export interface Hook {
  readonly request: HookRequest;
  /** Aborts when the hook has gone. */
  readonly closed: AbortSignal;
  /** Has text printed; waits while the hook is slow. */
  say(text: string): Promise<void>;
  /** Ends the hook. */
  exit(code: number): Promise<void>;
}

export interface HookSocket {
  start(): Promise<void>;
  stop(): Promise<void>;
}

const MAX_REQUEST_BYTES = 1024 * 1024;

/** Calls `serve` for each hook; one that it leaves without an exit code is refused. */
export function createHookSocket(options: {
  path: string;
  log: Logger;
  serve: (hook: Hook) => Promise<void>;
}): HookSocket {
  const { path, log } = options;
  const sockets = new Set<Socket>();
  let isStopping = false;
  const accept = async (socket: Socket) => {
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    const request = await readRequest(socket);
    if (request !== undefined) {
      await options.serve({
        request,
        closed: gone.signal,
        say: (text) => send(socket, { text }),
        exit: (code) => send(socket, { exit: code }),
      });
    }
    socket.end();
  };
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    // One that was accepted while the others were ended would keep the server open.
    if (isStopping) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    accept(socket).catch((error: unknown) => {
      log.error({ err: error }, 'pre-receive hook failed');
      socket.destroy();
    });
  });
  return {
    async start() {
      isStopping = false;
      await mkdir(dirname(path), { recursive: true });
      await rm(path, { force: true });
      await listen(server, path);
      await chmod(path, 0o600);
    },
    async stop() {
      isStopping = true;
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Writes a message and waits while the hook is slow to print. */
function send(socket: Socket, message: { text: string } | { exit: number }): Promise<void> {
  if (socket.destroyed || socket.write(`${JSON.stringify(message)}\n`)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

/** The first line of the connection; undefined when it is none of our hook's. */
function readRequest(socket: Socket): Promise<HookRequest | undefined> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(parseRequest(text.slice(0, end)));
      else if (text.length > MAX_REQUEST_BYTES) resolve(undefined);
    });
    socket.once('close', () => resolve(undefined));
  });
}

function parseRequest(line: string): HookRequest | undefined {
  try {
    // Written by our own hook, over a socket that only this user can open.
    return JSON.parse(line) as HookRequest;
  } catch {
    return undefined;
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
