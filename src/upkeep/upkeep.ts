// Keeps the server able to go on: sweeps what nobody needs, watches disks and writable layers, frees the ballast when a
// disk is full, backs the database up. Beside the loop of the dynos, on a clock of its own.
// In: what the engine and the file systems report. Out: removed objects, verdicts on dynos, lines in the apps' logs.

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { dropOldBackups, listBackups, makeBackup } from '../db/backups.js';
import { onChange } from '../platform/changes.js';
import { freeBallast, layBallast, planBallast } from './ballast.js';
import { recordSamples } from './disk-samples.js';
import { type DiskSpace, type FileSystem, formatBytes } from './disk-space.js';
import type { LayerWatch } from './layer-watch.js';
import { type SweepDeps, sweep } from './sweep.js';

export interface UpkeepDeps extends SweepDeps {
  readonly space: DiskSpace;
  readonly layers: LayerWatch;
  readonly paths: { readonly ballast: string; readonly backups: string };
  readonly timing: UpkeepTiming;
  readonly ballastBytes: number;
  readonly keptBackups: number;
}

/** All in ms. */
export interface UpkeepTiming {
  /** Between looks at disks and layers. */
  readonly checkMs: number;
  readonly sampleMs: number;
  /** From a release or the end of an app to the sweep that follows it. */
  readonly sweepDelayMs: number;
  readonly sweepMs: number;
  readonly backupMs: number;
}

export const TIMING: Omit<UpkeepTiming, 'checkMs'> = {
  sampleMs: 600_000,
  // The containers of a destroyed app take a while to stop, and their image can go only then.
  sweepDelayMs: 45_000,
  sweepMs: 3_600_000,
  backupMs: 24 * 3_600_000,
};

/** How long a sweep that had more to do rests. */
const MORE_MS = 10_000;
/** A disk that stays low is swept again after this. */
const LOW_SWEEP_MS = 600_000;

/** When each of the works is to be done, on the monotonic clock. */
interface Due {
  sweepAt: number;
  sampleAt: number;
  /** A sweep for want of space. */
  lowSweepAt: number;
}

/** Goes on until the signal aborts. */
export async function runUpkeep(deps: UpkeepDeps, signal: AbortSignal): Promise<void> {
  const { timing } = deps;
  const due: Due = { sweepAt: performance.now() + timing.sweepMs, sampleAt: 0, lowSweepAt: 0 };
  const stopListening = onChange(deps.db, ({ kind }) => {
    if (kind !== 'app-destroyed' && kind !== 'release-created') return;
    due.sweepAt = Math.min(due.sweepAt, performance.now() + timing.sweepDelayMs);
  });
  const works = {
    layers: () => deps.layers.check(signal),
    disk: () => lookAtDisks(deps, due),
    sweep: () => sweepWhenDue(deps, due),
    backup: () => backUp(deps),
  };
  try {
    while (!signal.aborted) {
      // First of all a rest: what has just started has better things to do.
      await sleep(timing.checkMs, undefined, { signal }).catch(() => undefined);
      for (const [what, work] of Object.entries(works)) {
        if (signal.aborted) return;
        await work().catch((error: unknown) => {
          if (!signal.aborted)
            deps.log.warn({ err: error, what }, 'a part of the upkeep failed; trying again');
        });
      }
    }
  } finally {
    stopListening();
  }
}

async function lookAtDisks(deps: UpkeepDeps, due: Due): Promise<void> {
  const now = performance.now();
  const systems = await deps.space.read();
  await keepBallast(deps, systems);
  const low = systems.filter(({ freeBytes, floorBytes }) => freeBytes < floorBytes);
  if (low.length > 0 && now >= due.lowSweepAt) {
    due.lowSweepAt = now + LOW_SWEEP_MS;
    deps.log.warn({ low }, 'a disk is below its floor: no build begins; sweeping');
    await sweep(deps, { needsSpace: true });
  }
  if (now < due.sampleAt) return;
  due.sampleAt = now + deps.timing.sampleMs;
  recordSamples(deps.db, systems);
}

async function sweepWhenDue(deps: UpkeepDeps, due: Due): Promise<void> {
  const now = performance.now();
  if (now < due.sweepAt) return;
  due.sweepAt = now + deps.timing.sweepMs;
  const { hasMore } = await sweep(deps, { needsSpace: false });
  if (hasMore) due.sweepAt = Math.min(due.sweepAt, now + MORE_MS);
}

async function keepBallast(deps: UpkeepDeps, systems: readonly FileSystem[]): Promise<void> {
  const system = systems.find(({ holds }) => holds !== 'engine');
  if (system === undefined) return;
  // At most a hundredth of a small disk.
  const bytes = Math.min(deps.ballastBytes, Math.floor(system.totalBytes / 100));
  const isLaid = existsSync(deps.paths.ballast);
  const plan = planBallast({ ...system, ballastBytes: bytes, isLaid });
  if (plan === 'lay') await layBallast(deps.paths.ballast, bytes);
  if (plan !== 'free') return;
  const freed = await freeBallast(deps.paths.ballast);
  deps.log.error(
    { path: system.path },
    `the disk is full: the ballast of ${formatBytes(freed)} was freed; paas doctor says what takes the space`,
  );
}

async function backUp(deps: UpkeepDeps): Promise<void> {
  const { db, paths, timing } = deps;
  const newest = listBackups(paths.backups)[0];
  if (newest !== undefined && db.now() - newest.madeAt < timing.backupMs && newest.madeAt <= db.now()) return;
  const backup = await makeBackup({ sql: db.sql, directory: paths.backups, now: db.now() });
  deps.log.info({ path: backup.path, bytes: backup.bytes }, 'database backed up');
  await dropOldBackups(paths.backups, deps.keptBackups);
}
