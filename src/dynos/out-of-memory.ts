// Processes that the kernel killed at the memory limit of their dyno. The engine tells it as an event, also when only a
// child died and the dyno goes on; whether that is so shows a moment later.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import { LABEL } from '../engine/container-spec.js';
import type { ContainerDetails, ContainerEvent, Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';
import type { Logger } from '../log.js';
import { recordIncident } from '../platform/incidents.js';
import { formatSize } from '../platform/sizes.js';
import type { DynoLog } from './dyno-log.js';

export interface OutOfMemory {
  /** Takes an event of kind `oom` or `destroy`. */
  onEvent(event: ContainerEvent): void;
  /** Epoch ms of the newest such event of a container. */
  lastAt(containerId: string): number | undefined;
}

/** What the memory limit has to do with the end of a container. */
export type MemoryCause =
  /** Its main process was killed. */
  | 'main'
  /** A child of it was killed, and the main process ended because of it. */
  | 'child'
  /** Nothing. */
  | undefined;

// A main process that ends because its child was killed does so at once.
const AFTERMATH_MS = 10_000;
const SURVIVED_AFTER_MS = 1500;
const REPEAT_MS = 60_000;
const SIGKILLED = 137;

/** Pure. `lastOomAt` is the time of the newest event, undefined when none was seen (the daemon was away). */
export function memoryCause(
  end: Pick<ContainerDetails, 'oomKilled' | 'exitCode' | 'finishedAt'>,
  lastOomAt: number | undefined,
): MemoryCause {
  if (!end.oomKilled && lastOomAt === undefined) return undefined;
  if (lastOomAt !== undefined && (end.finishedAt ?? lastOomAt) - lastOomAt > AFTERMATH_MS) return undefined;
  if (end.exitCode === SIGKILLED) return 'main';
  return end.exitCode === 0 ? undefined : 'child';
}

/** One sentence about a main process that ended at its limit. */
export function describeMemoryEnd(cause: 'main' | 'child', memoryBytes: number): string {
  const limit = formatSize(memoryBytes);
  return cause === 'main'
    ? `Error R15 (Memory quota vastly exceeded) -> The process was killed at its memory limit of ${limit}`
    : `Error R15 (Memory quota vastly exceeded) -> A child process was killed at the memory limit of ${limit}, and the process ended`;
}

export function createOutOfMemory(options: {
  db: Database;
  engine: Pick<Engine, 'inspectContainer'>;
  dynoLog: DynoLog;
  log: Logger;
  signal: AbortSignal;
}): OutOfMemory {
  const { db, dynoLog, engine, log, signal } = options;
  const last = new Map<string, { at: number; saidAt: number; unsaid: number }>();

  /** Says it of a dyno that goes on; one that ended is told by whoever buries it. */
  async function tellSurvivor(event: ContainerEvent): Promise<void> {
    await sleep(SURVIVED_AFTER_MS, undefined, { signal });
    const details = await engine.inspectContainer(event.containerId);
    const seen = last.get(event.containerId);
    if (seen === undefined || details.state !== 'running') return;
    const { labels } = event;
    const name = `${labels[LABEL.type]}.${labels[LABEL.number]}`;
    const times = seen.unsaid > 1 ? ` (${seen.unsaid} times)` : '';
    seen.unsaid = 0;
    const message = `Error R15 (Memory quota vastly exceeded) -> A child process was killed at the memory limit of ${formatSize(Number(labels[LABEL.memory]))}${times}; the main process goes on`;
    // Only our own specs write this label, from an AppId.
    const appId = labels[LABEL.app] as AppId;
    dynoLog.platform(appId, name, message);
    recordIncident(db, {
      appId,
      dyno: name,
      releaseVersion: Number(labels[LABEL.release]),
      kind: 'out-of-memory',
      message,
      evidence: { process: 'child', memory_bytes: Number(labels[LABEL.memory]) },
    });
  }

  return {
    lastAt: (containerId) => last.get(containerId)?.at,
    onEvent(event) {
      if (event.kind === 'destroy') last.delete(event.containerId);
      if (event.kind !== 'oom' || !event.labels[LABEL.type]) return;
      const now = db.now();
      const before = last.get(event.containerId);
      // Either way: the clock may have been set back.
      const isDue = before === undefined || Math.abs(now - before.saidAt) >= REPEAT_MS;
      last.set(event.containerId, {
        at: now,
        saidAt: isDue ? now : before.saidAt,
        unsaid: (before?.unsaid ?? 0) + 1,
      });
      if (!isDue) return;
      tellSurvivor(event).catch((error: unknown) => {
        if (!signal.aborted)
          log.debug({ err: error }, 'a container with an out-of-memory event was not found');
      });
    },
  };
}
