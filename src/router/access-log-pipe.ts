// The way of the access log from HAProxy to the log collector: a named pipe. HAProxy holds both of its ends, so it
// outlives restarts of the collector, of the daemon and of HAProxy's workers; lines wait in it (1 MiB, some 3,500
// lines) while nobody reads. HAProxy never waits: what does not fit is dropped and counted (`DroppedLogs`).

import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AccessLogReader, type AppAccess } from './access-log-reader.js';
import { PipeWait } from './pipe-wait.js';

/** Some 3,500 lines: what may wait between two looks. */
const PIPE_BYTES = 1024 * 1024;
const F_SETPIPE_SZ = 1031;
const POLL_MS = 50;
/** For the beginning of a line whose end is not there yet. */
const REST_BYTES = 16 * 1024;

/** Makes the named pipe at `path` (mode 0600) if it is not there; safe to call twice and from several processes. */
async function ensureAccessLogPipe(path: string): Promise<void> {
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
 * The router lines of all apps, an entry for each app at each look, until `signal` aborts. Makes the pipe if it is not there,
 * so it may be called before the router runs. One reader at a time: two would share the lines out.
 */
export async function* receiveAccessLog(options: {
  path: string;
  signal: AbortSignal;
}): AsyncGenerator<readonly AppAccess[], void, undefined> {
  const { path, signal } = options;
  if (signal.aborted) return;
  const fd = await openAccessLogPipe(path);
  using pause = new PipeWait(() => openAccessLogPipe(path));
  try {
    await widenPipe(path);
    const reader = new AccessLogReader();
    const bytes = Buffer.allocUnsafe(PIPE_BYTES + REST_BYTES);
    let rest = 0;
    while (!signal.aborted) {
      let size = readNow(fd, bytes, rest);
      // A reader that is woken for each line costs the router a third of its requests: it waits only for the first ones
      // after a pause, and looks now and then while more come.
      if (size === 0) size = (await pause.next(signal)).copy(bytes, rest);
      const { batch, taken } = reader.read(bytes, rest + size);
      bytes.copyWithin(0, taken, rest + size);
      rest += size - taken;
      if (batch.length > 0) yield batch;
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    closeSync(fd);
  }
}

/** Puts what is in the pipe to `bytes` from `offset` on; says how much it was. */
function readNow(fd: number, bytes: Buffer, offset: number): number {
  try {
    return readSync(fd, bytes, offset, bytes.length - offset, null);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}

/** Lets as much wait in the pipe as the kernel allows everybody (fcntl(2), F_SETPIPE_SZ); without it, 64 KiB. */
async function widenPipe(path: string): Promise<void> {
  const program = `open(my $pipe, '+<', $ARGV[0]) or die; fcntl($pipe, ${F_SETPIPE_SZ}, ${PIPE_BYTES}) or die`;
  // Node has no fcntl; perl-base is on every Debian system. Where it is not, bursts are dropped sooner, and counted.
  await promisify(execFile)('perl', ['-e', program, path]).catch(() => undefined);
}

async function isPipe(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFIFO();
  } catch {
    return false;
  }
}
