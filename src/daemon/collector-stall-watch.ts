// Ends a log collector that stands still: the engine makes every app wait whose output it does not read. Another one is
// started by ensure-collector.ts, and fills the gap from the engine's files.
// docs/decisions/0157-a-collector-that-stands-still-is-ended.md

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { readHealth } from '../logs/client.js';
import { killHolder } from './process-lock.js';

/** Between looks whether it answers, and how long each waits for that. */
export const STALL_MS = 5000;
/** One miss alone may be ours: the whole machine stood still. */
const MISSES = 2;

/** A collector that was ended because it stood still. */
export interface CollectorStall {
  readonly pid: number;
  /** For how long at least. */
  readonly stoodMs: number;
}

/** Goes on until the signal aborts. `program` is what the holder of the pid file must run to be ended. */
export async function watchCollectorStalls(options: {
  socketPath: string;
  pidPath: string;
  program: string;
  stallMs: number;
  onStall: (stall: CollectorStall) => void;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { socketPath, stallMs, signal } = options;
  let heardAt = performance.now();
  let misses = 0;
  while (!signal.aborted) {
    await sleep(stallMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    if (await isSilent(socketPath, stallMs)) misses += 1;
    else {
      heardAt = performance.now();
      misses = 0;
    }
    if (misses < MISSES) continue;
    misses = 0;
    endStalled(options, Math.round(performance.now() - heardAt));
  }
}

/** False as well when nobody is there: that is seen to elsewhere. */
async function isSilent(socketPath: string, waitMs: number): Promise<boolean> {
  const signal = AbortSignal.timeout(waitMs);
  return await readHealth(socketPath, signal).then(
    () => false,
    () => signal.aborted,
  );
}

function endStalled(options: Parameters<typeof watchCollectorStalls>[0], stoodMs: number): void {
  const pid = killHolder(options.pidPath, options.program);
  if (pid === undefined) return;
  options.log.error(
    { pid, stoodMs },
    'the log collector stood still, and apps that print waited for it: it is ended, another one starts',
  );
  options.onStall({ pid, stoodMs });
}
