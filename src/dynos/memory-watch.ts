// Watches how near dynos are to their memory limit, and says so as Heroku does: R14. The limit is hard, so a dyno that
// needs more is killed (R15, out-of-memory.ts); this is the warning before it.

import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import type { Logger } from '../log.js';
import { recordIncident } from '../platform/incidents.js';
import { type DynoContainer, dynoName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';

/** How one dyno stands with its limit. */
export interface MemoryState {
  /** Samples in a row that were over. */
  readonly over: number;
  /** Epoch ms of the last time it was said. */
  readonly saidAt: number | undefined;
}

const OVER_SHARE = 0.95;
const SAMPLES_BEFORE_SAID = 2;
const REPEAT_MS = 60_000;

/** The next state after a sample, and the lines to say. Pure. */
export function judgeMemory(
  state: MemoryState | undefined,
  sample: { usedBytes: number; limitBytes: number; nowMs: number },
): { state: MemoryState; lines: readonly string[] } {
  const share = sample.usedBytes / sample.limitBytes;
  const over = share >= OVER_SHARE ? (state?.over ?? 0) + 1 : 0;
  const saidAt = state?.saidAt;
  // Either way: the clock may have been set back.
  const isDue = saidAt === undefined || Math.abs(sample.nowMs - saidAt) >= REPEAT_MS;
  if (over < SAMPLES_BEFORE_SAID || !isDue) return { state: { over, saidAt }, lines: [] };
  const megabytes = Math.round(sample.usedBytes / 1024 ** 2);
  return {
    state: { over, saidAt: sample.nowMs },
    lines: [
      `Process running mem=${megabytes}M(${(share * 100).toFixed(1)}%)`,
      'Error R14 (Memory quota exceeded)',
    ],
  };
}

export interface MemoryWatchDeps {
  readonly db: Database;
  readonly dynoLog: DynoLog;
  readonly log: Logger;
  readonly allContainers: () => readonly DynoContainer[];
  /** Bytes in use of a container, exact from `enoughBytes` on; undefined when unknown. */
  readonly readMemory: (containerId: string, enoughBytes: number) => number | undefined;
  readonly intervalMs: number;
}

/** Samples all running dynos until the signal aborts. */
export async function watchMemory(deps: MemoryWatchDeps, signal: AbortSignal): Promise<void> {
  let states = new Map<string, MemoryState>();
  while (!signal.aborted) {
    const next = new Map<string, MemoryState>();
    for (const container of deps.allContainers()) {
      if (!container.isRunning || container.phase === 'stopping') continue;
      const state = sampleOne(deps, container, states.get(container.containerId));
      if (state !== undefined) next.set(container.containerId, state);
      // Whatever else there is to do comes in between.
      await setImmediate();
    }
    states = next;
    await sleep(deps.intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

function sampleOne(
  deps: MemoryWatchDeps,
  container: DynoContainer,
  before: MemoryState | undefined,
): MemoryState | undefined {
  const { appId, containerId, memoryBytes, releaseVersion } = container;
  const usedBytes = deps.readMemory(containerId, memoryBytes * OVER_SHARE);
  if (usedBytes === undefined || !(memoryBytes > 0)) return before;
  const judged = judgeMemory(before, { usedBytes, limitBytes: memoryBytes, nowMs: deps.db.now() });
  const dyno = dynoName(container);
  for (const line of judged.lines) deps.dynoLog.platform(appId, dyno, line);
  if (judged.lines.length > 0 && before?.saidAt === undefined) {
    const evidence = { used_bytes: usedBytes, memory_bytes: memoryBytes };
    const message = judged.lines.join(': ');
    keepIncident(deps, { appId, dyno, releaseVersion, kind: 'memory-high', message, evidence });
  }
  return judged.state;
}

/** On a full disk nothing is kept of it but the app's log. */
function keepIncident(deps: MemoryWatchDeps, incident: Parameters<typeof recordIncident>[1]): void {
  try {
    recordIncident(deps.db, incident);
  } catch (error) {
    deps.log.warn({ err: error, app: incident.appId, kind: incident.kind }, 'an incident could not be kept');
  }
}
