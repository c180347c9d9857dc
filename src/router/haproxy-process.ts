// HAProxy as processes: found by the configuration file in their command line, started detached so that they outlive
// the daemon, ended by their ids.

import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openAccessLogPipe } from './access-log-pipe.js';
import { MASTER_SOCKET } from './settings.js';

/** HAProxy's own messages, beside its configuration. */
export const MESSAGES_FILE = 'haproxy.log';

const EXECUTION_POLL_MS = 1;

/**
 * Freed objects are kept for the next request instead of given back to the C library (`global`), without a mark of their
 * pool for finding bugs (`no-tag`): a tenth of the processor time of a request on 2.6.
 */
const MEMORY = '-dMglobal,no-tag';

/** Throws with HAProxy's complaint unless it accepts the configuration in `configPath`. */
export async function checkConfigFile(haproxyPath: string, configPath: string): Promise<void> {
  try {
    await promisify(execFile)(haproxyPath, ['-c', '-q', '-f', configPath], { timeout: 30_000, env: {} });
  } catch (error) {
    // An execFile error carries what the program wrote.
    const complaint = error instanceof Error && 'stderr' in error ? String(error.stderr).slice(-2000) : '';
    throw new Error(`HAProxy refuses the configuration: ${complaint}`, { cause: error });
  }
}

/** Starts a master with its worker, and does not wait for it. Its standard output is the access log's pipe. */
export async function spawnHaproxy(options: {
  haproxyPath: string;
  configPath: string;
  accessLogPath: string;
}): Promise<void> {
  const dir = dirname(options.configPath);
  const messages = openSync(join(dir, MESSAGES_FILE), 'a', 0o600);
  const accessLog = await openAccessLogPipe(options.accessLogPath);
  try {
    const socket = `${join(dir, MASTER_SOCKET)},mode,600`;
    const args = [MEMORY, '-W', '-S', socket, '-p', join(dir, 'haproxy.pid'), '-f', options.configPath];
    const child = spawn(options.haproxyPath, args, {
      cwd: dir,
      env: {},
      detached: true,
      stdio: ['ignore', accessLog, messages],
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
  } finally {
    closeSync(accessLog);
    closeSync(messages);
  }
}

/** The ids of all HAProxy processes, masters and workers, that were started with this configuration file. */
export async function findHaproxy(configPath: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  const ours = await Promise.all(pids.map((pid) => isHaproxy(pid, configPath)));
  return pids.filter((_, index) => ours[index]);
}

/**
 * Whether `pid` is a living HAProxy with this configuration file. Rejects when that cannot be told, as when the daemon has
 * too many files open: one that is taken for dead is ended and started again. Read synchronously, for it is asked all the
 * time: the kernel answers from memory, and a turn through the thread pool costs ten times the read.
 */
export async function isHaproxy(pid: number, configPath: string): Promise<boolean> {
  try {
    for (;;) {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
      if (args[0] !== '')
        return basename(args[0] ?? '') === 'haproxy' && args[args.indexOf('-f') + 1] === configPath;
      // A zombie has no command line, and neither has a master for the moment in which a reload executes it anew.
      if (!livesAs('haproxy', pid)) return false;
      await sleep(EXECUTION_POLL_MS);
    }
  } catch (error) {
    if (hasEnded(error)) return false;
    throw error;
  }
}

// What the kernel says of a process that ended before or meanwhile.
function hasEnded(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}

/** Whether the process is neither a zombie nor one of another name. proc(5): `PID (NAME) STATE …`. */
function livesAs(name: string, pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [, comm, state] = /^\d+ \((.*)\) (\S)/s.exec(stat) ?? [];
  return comm === name && state !== 'Z' && state !== 'X';
}

/** Ends all HAProxy processes of this configuration file: asked first, killed after `graceMs`. */
export async function endHaproxy(configPath: string, graceMs: number): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 5000],
  ] as const) {
    for (const pid of await findHaproxy(configPath)) sendSignal(pid, signal);
    const isGone = await until(waitMs, async () => (await findHaproxy(configPath)).length === 0);
    if (isGone) return;
  }
  throw new Error('HAProxy could not be ended');
}

/** Asks `isDone` every 20 ms, for at most `timeoutMs`; says whether it came true. */
export async function until(timeoutMs: number, isDone: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isDone())) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}
