// Keeps a log collector running beside paasd. The collector is no child in spirit: it stays when paasd goes, and is replaced
// when paasd comes back with other code or settings. docs/decisions/0171-a-collector-is-replaced.md

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { readHealth } from '../logs/client.js';
import { type CollectorStall, STALL_MS, watchCollectorStalls } from './collector-stall-watch.js';
import { answers, hasEnded } from './process-lock.js';

const READY_MS = 10_000;
const WATCH_MS = 1000;
const HEALTH_MS = 2000;
/** It stores what it has within some tens of milliseconds, and waits 2 s for an engine that does not answer. */
const END_MS = 8000;
const POLL_MS = 20;

interface EnsureOptions {
  readonly dataDir: string;
  /** Program and arguments; it reads its settings from `env`. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a collector started by `command` tells of its code and settings. */
  readonly stamp: string;
  readonly log: Logger;
  /** Told of each that was ended because it stood still. */
  readonly onStall?: ((stall: CollectorStall) => void) | undefined;
  readonly stallMs?: number | undefined;
}

/**
 * Starts a collector unless one answers on `run/collector.sock`, and starts it again whenever it dies, until the returned
 * object is disposed (which leaves the collector running). One that was found with another stamp is replaced, once.
 * Resolves when it answers, or has failed to come up once: that is logged and tried again, for apps run without it.
 */
export async function ensureCollector(options: EnsureOptions): Promise<AsyncDisposable> {
  const { dataDir, log } = options;
  const socketPath = join(dataDir, 'run', 'collector.sock');
  for (const folder of ['run', 'log']) mkdirSync(join(dataDir, folder), { recursive: true, mode: 0o700 });
  let isOurs = false;
  let waitMs = WATCH_MS;
  await look();
  const stopping = new AbortController();
  const { command, onStall = () => undefined, stallMs = STALL_MS } = options;
  const stalls = watchCollectorStalls({
    socketPath,
    pidPath: join(dataDir, 'run', 'collector.pid'),
    program: command.find((part) => /\.m?js$/.test(part)) ?? command[0],
    stallMs,
    onStall,
    log,
    signal: stopping.signal,
  });
  const watching = Promise.all([watch(stopping.signal), stalls]);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await watching;
    },
  };

  async function ensure(): Promise<void> {
    if (await answers(socketPath)) {
      if (!isOurs) isOurs = await endUnlessOurs(socketPath, options);
      if (await answers(socketPath)) return;
    }
    await start(socketPath, options);
    isOurs = true;
  }

  async function watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await look();
    }
  }

  async function look(): Promise<void> {
    try {
      await ensure();
      waitMs = WATCH_MS;
    } catch (err) {
      log.error({ err }, 'the log collector does not start: trying again');
      waitMs = Math.min(30_000, waitMs * 2);
    }
  }
}

/** Ends a collector of other code or settings. False when it does not say what it is, and was left alone. */
async function endUnlessOurs(socketPath: string, { stamp, log }: EnsureOptions): Promise<boolean> {
  let found: Awaited<ReturnType<typeof readHealth>>;
  try {
    found = await readHealth(socketPath, AbortSignal.timeout(HEALTH_MS));
  } catch (err) {
    log.warn({ err }, 'the log collector does not say what it is; asking again');
    return false;
  }
  if (found.stamp === stamp) return true;
  const { pid } = found;
  log.info({ pid }, 'replacing the log collector: it runs with other code or settings');
  if (!(await end(pid, 'SIGTERM'))) await end(pid, 'SIGKILL');
  return true;
}

/** Whether the process has ended in time. */
async function end(pid: number, signal: NodeJS.Signals): Promise<boolean> {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
  const deadline = Date.now() + END_MS;
  while (!hasEnded(pid) && Date.now() < deadline) await sleep(POLL_MS);
  return hasEnded(pid);
}

async function start(socketPath: string, options: EnsureOptions): Promise<void> {
  const logPath = join(options.dataDir, 'log', 'collector.log');
  options.log.info({ logPath }, 'starting the log collector');
  const output = openSync(logPath, 'a', 0o600);
  let end: Error | undefined;
  try {
    const [program, ...args] = options.command;
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', output, output],
      env: options.env,
      cwd: '/',
    });
    child.on('error', (error) => {
      end = error;
    });
    child.on('exit', (code, signal) => {
      end ??= new Error(`the log collector ended with ${signal ?? code}; see ${logPath}`);
    });
    child.unref();
  } finally {
    closeSync(output);
  }
  const deadline = Date.now() + READY_MS;
  while (!(await answers(socketPath))) {
    if (end !== undefined) throw end;
    if (Date.now() > deadline) throw new Error(`the log collector does not answer; see ${logPath}`);
    await sleep(50);
  }
}
