// Connects this terminal with a one-off dyno: stdin, stdout and stderr apart, size, signals, exit code.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import {
  CLIENT_FRAME,
  createFrameDecoder,
  encodeFrame,
  type Frame,
  SERVER_FRAME,
} from '../schemas/run-frames.js';
import type { ApiClient } from './api-client.js';
import { CliError } from './cli-error.js';
import type { Terminal } from './terminal.js';
import { writeTo } from './write-stream.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
/** So many Ctrl-C within this time leave a command that does not listen. */
const FORCE_COUNT = 4;
const FORCE_WINDOW_MS = 1000;
const EXIT_INTERRUPTED = 130;
const KEEP_ALIVE_MS = 30_000;
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

/** Runs until the command has ended; answers its exit code. `tty` sends keys as they are typed. */
export async function attach(
  api: ApiClient,
  run: { url: string; terminal: Terminal; tty: boolean; signal: AbortSignal },
): Promise<number> {
  const { terminal, tty, signal } = run;
  const { socket, head } = await api.upgrade(run.url, 'paas-run/1');
  const ended = new AbortController();
  // A failed write also ends the reading below, which reports it.
  socket.on('error', () => {});
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  const restore = tty ? enterRawMode(terminal, socket) : undefined;
  const stopSignals = forwardSignals(socket, tty);
  const input = sendInput(socket, terminal.stdin, { tty, signal: ended.signal }).catch(() =>
    socket.destroy(),
  );
  try {
    return await receive(socket, head, { terminal, signal });
  } finally {
    ended.abort();
    stopSignals();
    restore?.();
    socket.destroy();
    terminal.stdin.destroy();
    await input;
  }
}

async function receive(
  socket: Socket,
  head: Buffer,
  to: { terminal: Terminal; signal: AbortSignal },
): Promise<number> {
  const decode = frameReader();
  for await (const chunk of chunks(socket, head, to.signal)) {
    for (const { type, payload } of decode(chunk)) {
      if (type === SERVER_FRAME.stdout) await writeTo(to.terminal.stdout, payload, to.signal);
      else if (type === SERVER_FRAME.stderr) await writeTo(to.terminal.stderr, payload, to.signal);
      else if (type === SERVER_FRAME.exit) return parseExit(payload);
    }
  }
  to.signal.throwIfAborted();
  if (socket.destroyed && socket.errored === null && forced.has(socket)) return EXIT_INTERRUPTED;
  throw new CliError('The connection to the dyno broke: how the command ended is not known.', {
    hint: 'It may still be running. See: paas ps',
  });
}

function frameReader(): (chunk: Buffer) => Frame[] {
  const decode = createFrameDecoder({ maxPayloadBytes: MAX_PAYLOAD_BYTES });
  return (chunk) => {
    try {
      return decode(chunk);
    } catch (cause) {
      throw new CliError('The server sent something that is not a frame.', { cause });
    }
  };
}

/** Sockets that the user left by force. */
const forced = new WeakSet<Socket>();

async function* chunks(socket: Socket, head: Buffer, signal: AbortSignal): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  try {
    for await (const chunk of socket) yield chunk;
  } catch (error) {
    // The caller tells a lost connection from an end.
    if (signal.aborted) throw error;
  }
}

function parseExit(payload: Buffer): number {
  const value: unknown = JSON.parse(payload.toString('utf8'));
  const code = typeof value === 'object' && value !== null && 'code' in value ? value.code : undefined;
  return typeof code === 'number' && Number.isInteger(code) ? code & 0xff : 1;
}

async function sendInput(
  socket: Socket,
  stdin: NodeJS.ReadStream,
  options: { tty: boolean; signal: AbortSignal },
): Promise<void> {
  const interrupts: number[] = [];
  try {
    for await (const chunk of stdin) {
      const bytes = Buffer.from(chunk);
      if (options.tty && isForcedExit(bytes, interrupts)) {
        forced.add(socket);
        socket.destroy();
        return;
      }
      if (!socket.write(encodeFrame(CLIENT_FRAME.stdin, bytes)))
        await once(socket, 'drain', { signal: options.signal });
    }
  } catch (error) {
    if (options.signal.aborted) return;
    throw error;
  }
  if (!options.signal.aborted && socket.writable) socket.write(encodeFrame(CLIENT_FRAME.stdinEnd));
}

function isForcedExit(bytes: Buffer, interrupts: number[]): boolean {
  if (!bytes.includes(3)) return false;
  const now = Date.now();
  interrupts.push(now);
  if (interrupts.length > FORCE_COUNT) interrupts.shift();
  return interrupts.length === FORCE_COUNT && now - (interrupts[0] ?? 0) < FORCE_WINDOW_MS;
}

/** Keys go out as typed, and so does each new window size. Answers what puts the terminal back. */
function enterRawMode({ stdin, stdout }: Terminal, socket: Socket): () => void {
  const sendSize = () => {
    const size = { columns: stdout.columns, rows: stdout.rows };
    if (socket.writable) socket.write(encodeFrame(CLIENT_FRAME.resize, JSON.stringify(size)));
  };
  const leave = () => stdin.setRawMode(false);
  stdin.setRawMode(true);
  stdout.on('resize', sendSize);
  process.on('exit', leave);
  sendSize();
  return () => {
    stdout.off('resize', sendSize);
    process.off('exit', leave);
    leave();
  };
}

/** Signals to this process go to the command; without a terminal's raw mode that includes Ctrl-C. */
function forwardSignals(socket: Socket, tty: boolean): () => void {
  const interrupts: number[] = [];
  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      if (name === 'SIGINT' && !tty && isForcedExit(Buffer.of(3), interrupts)) {
        forced.add(socket);
        socket.destroy();
      } else if (socket.writable) socket.write(encodeFrame(CLIENT_FRAME.signal, name));
    };
    process.on(name, listener);
    return { name, listener };
  });
  return () => {
    for (const { name, listener } of listeners) process.off(name, listener);
  };
}
