// Keeps a log collector running beside paasd. The collector is no child in spirit: it stays when paasd goes.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { answers } from './process-lock.js';

const READY_MS = 10_000;
const WATCH_MS = 1000;

/**
 * Starts a collector unless one answers on `run/collector.sock`, waits until it does, and starts it again whenever it
 * dies, until the returned object is disposed (which leaves the collector running). Throws when it does not come up.
 */
export async function ensureCollector(options: {
  dataDir: string;
  /** Program and arguments; it reads its settings from `env`. */
  command: readonly [string, ...string[]];
  env: Readonly<Record<string, string | undefined>>;
  log: Logger;
}): Promise<AsyncDisposable> {
  const { dataDir, log } = options;
  const socketPath = join(dataDir, 'run', 'collector.sock');
  for (const folder of ['run', 'log']) mkdirSync(join(dataDir, folder), { recursive: true, mode: 0o700 });
  await startUnlessAnswering(socketPath, options);
  const stopping = new AbortController();
  const watching = watch(stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await watching;
    },
  };

  async function watch(signal: AbortSignal): Promise<void> {
    let waitMs = WATCH_MS;
    while (!signal.aborted) {
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await startUnlessAnswering(socketPath, options);
        waitMs = WATCH_MS;
      } catch (err) {
        log.error({ err }, 'the log collector does not start');
        waitMs = Math.min(30_000, waitMs * 2);
      }
    }
  }
}

async function startUnlessAnswering(
  socketPath: string,
  options: {
    dataDir: string;
    command: readonly [string, ...string[]];
    env: Readonly<Record<string, string | undefined>>;
    log: Logger;
  },
): Promise<void> {
  if (await answers(socketPath)) return;
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
