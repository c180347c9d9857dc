// What the daemon and the pre-receive hook of one push tell each other, over two pairs of sockets that git inherits from
// the daemon and its hook from git: the pushed refs come in, text to print and an exit code go out.

import type { Socket } from 'node:net';
import type { RefUpdate } from './push-rules.js';

/** What a hook brings. */
export interface HookRequest {
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
}

/** The daemon's ends. */
export interface HookPipes {
  /** The request, and the text. */
  readonly talk: Socket;
  readonly exitCode: Socket;
}

const MAX_REQUEST_BYTES = 1024 * 1024;
/** The first lines of a request, in this order; then one line a ref, then an empty one. */
const OBJECT_VARIABLES = ['GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_QUARANTINE_PATH'];

/** Calls `serve` when the hook asks; ends it with the exit code that this gives. Resolves when all is said, or the hook has gone. */
export async function serveHook(
  { talk, exitCode }: HookPipes,
  serve: (hook: Hook) => Promise<number>,
): Promise<void> {
  const gone = new AbortController();
  for (const socket of [talk, exitCode]) {
    socket.on('error', () => socket.destroy());
    socket.once('close', () => gone.abort());
  }
  // Nothing comes from there but its end.
  exitCode.resume();
  const request = await readRequest(talk);
  if (request === undefined) return hangUp({ talk, exitCode });
  try {
    const code = await serve({ request, closed: gone.signal, say: (text) => send(talk, text) });
    exitCode.end(`${code}\n`);
    talk.end();
  } catch (error) {
    hangUp({ talk, exitCode });
    throw error;
  }
}

/** The hook says that it was left without an answer, and refuses the push. */
export function hangUp({ talk, exitCode }: HookPipes): void {
  exitCode.destroy();
  talk.destroy();
}

/** Writes text and waits while the hook is slow to print. */
function send(socket: Socket, text: string): Promise<void> {
  if (socket.destroyed || text === '' || socket.write(text)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

/** What comes before the empty line; undefined when the hook goes before it, or never ran. */
function readRequest(socket: Socket): Promise<HookRequest | undefined> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_REQUEST_BYTES) resolve(undefined);
      // Values that are not set make empty lines, too: only one behind them ends the request.
      const lines = text.split('\n');
      const end = lines.indexOf('', OBJECT_VARIABLES.length);
      if (end >= 0 && end < lines.length - 1) resolve(parseRequest(lines.slice(0, end)));
    });
    socket.once('close', () => resolve(undefined));
  });
}

function parseRequest(lines: readonly string[]): HookRequest {
  const objectEnv: Record<string, string> = {};
  for (const [index, name] of OBJECT_VARIABLES.entries()) {
    const value = lines[index] ?? '';
    if (value !== '') objectEnv[name] = value;
  }
  const updates = lines.slice(OBJECT_VARIABLES.length).map((line) => {
    const [oldId = '', newId = '', ...ref] = line.split(' ');
    return { oldId, newId, ref: ref.join(' ') };
  });
  return { updates, objectEnv };
}
