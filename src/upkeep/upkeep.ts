// Keeps the server able to go on: sweeps what nobody needs, watches disks and writable layers, frees the ballast when a
// disk is full, backs the database up. Beside the loop of the dynos, on a clock of its own.
// In: what the engine and the file systems report. Out: removed objects, verdicts on dynos, lines in the apps' logs.

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { dropOldBackups, listBackups, makeBackup } from '../db/backups.js';
import { RepeatedFailure } from '../log.js';
import { onChange } from '../platform/changes.js';
import { freeBallast, layBallast, planBallast } from './ballast.js';
import { recordSamples } from './disk-samples.js';
import { type DiskSpace, type FileSystem, formatBytes } from './disk-space.js';
import type { LayerWatch } from './layer-watch.js';
import { limitLogFiles } from './log-files.js';
import { type SweepDeps, sweep } from './sweep.js';

export interface UpkeepDeps extends SweepDeps {
  readonly space: DiskSpace;
  readonly layers: LayerWatch;
  readonly paths: { readonly ballast: string; readonly backups: string; readonly ownLogs: string };
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
/** From a look at the age of the newest backup, or a failed try to make one, to the next. */
const BACKUP_LOOK_MS = 600_000;
/** Layers that are not large are measured at every sixth look at the disks. */
const CALM_FACTOR = 6;
/** A disk that stays low is swept again after this. */
const LOW_SWEEP_MS = 600_000;

/** When each of the works is to be done, on the monotonic clock. */
interface Due {
  layersAt: number;
  sweepAt: number;
  sampleAt: number;
  backupAt: number;
  /** When a disk that is low may have the next sweep. */
  lowSweepAt: number;
  /** The next sweep is for want of space. */
  needsSpace: boolean;
  /** Least free space at the last look at the layers. */
  freeBytes: number;
}

/** Goes on until the signal aborts. */
export async function runUpkeep(deps: UpkeepDeps, signal: AbortSignal): Promise<void> {
  const { timing } = deps;
  const due: Due = {
    layersAt: 0,
    sweepAt: performance.now() + timing.sweepMs,
    sampleAt: 0,
    backupAt: 0,
    lowSweepAt: 0,
    needsSpace: false,
    freeBytes: 0,
  };
  const stopListening = onChange(deps.db, ({ kind }) => {
    if (kind !== 'app-destroyed' && kind !== 'release-created') return;
    due.sweepAt = Math.min(due.sweepAt, performance.now() + timing.sweepDelayMs);
  });
  // Side by side: a sweep may take minutes, and a dyno needs less to fill a disk.
  const works = {
    disk: () => lookAtDisks(deps, due, signal),
    sweep: () => sweepWhenDue(deps, due, signal),
    backup: () => backUpWhenDue(deps, due),
    ownLogs: () => limitLogFiles({ directory: deps.paths.ownLogs, log: deps.log }),
  };
  const text = 'a part of the upkeep failed; trying again';
  const failure = new RepeatedFailure({ log: deps.log, level: 'warn', text, now: () => performance.now() });
  const repeat = async ([what, work]: [string, () => Promise<void>]) => {
    for (;;) {
      // First of all a rest: what has just started has better things to do.
      await sleep(timing.checkMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await work().catch((error: unknown) => {
        if (!signal.aborted) failure.note(error, { what });
      });
    }
  };
  try {
    await Promise.all(Object.entries(works).map(repeat));
  } finally {
    stopListening();
  }
}

async function lookAtDisks(deps: UpkeepDeps, due: Due, signal: AbortSignal): Promise<void> {
  const now = performance.now();
  const systems = await deps.space.read();
  await keepBallast(deps, systems);
  await lookAtLayers(deps, due, { freeBytes: Math.min(...systems.map((it) => it.freeBytes)), signal });
  const low = systems.filter(({ freeBytes, floorBytes }) => freeBytes < floorBytes);
  if (low.length > 0 && now >= due.lowSweepAt) {
    due.lowSweepAt = now + LOW_SWEEP_MS;
    deps.log.warn({ low }, 'a disk is below its floor: no build begins; sweeping');
    due.needsSpace = true;
  }
  if (now < due.sampleAt) return;
  due.sampleAt = now + deps.timing.sampleMs;
  recordSamples(deps.db, systems);
}

/** Measuring every layer costs more than a look at what is free: it is done more often only while space goes away. */
async function lookAtLayers(
  { layers, timing }: UpkeepDeps,
  due: Due,
  { freeBytes, signal }: { freeBytes: number; signal: AbortSignal },
): Promise<void> {
  const isFilling = due.freeBytes - freeBytes > layers.alarmBytes;
  if (performance.now() < due.layersAt && !isFilling) return await layers.check('large', signal);
  await layers.check('all', signal);
  due.freeBytes = freeBytes;
  due.layersAt = performance.now() + timing.checkMs * CALM_FACTOR;
}

async function sweepWhenDue(deps: UpkeepDeps, due: Due, signal: AbortSignal): Promise<void> {
  const now = performance.now();
  const { needsSpace } = due;
  if (now < due.sweepAt && !needsSpace) return;
  due.needsSpace = false;
  if (now >= due.sweepAt) due.sweepAt = now + deps.timing.sweepMs;
  const { hasMore } = await sweep(deps, { needsSpace, signal });
  if (!hasMore) return;
  if (needsSpace) due.lowSweepAt = now + MORE_MS;
  else due.sweepAt = Math.min(due.sweepAt, now + MORE_MS);
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

async function backUpWhenDue(deps: UpkeepDeps, due: Due): Promise<void> {
  const { db, paths, timing } = deps;
  if (performance.now() < due.backupAt) return;
  due.backupAt = performance.now() + BACKUP_LOOK_MS;
  const newest = listBackups(paths.backups)[0];
  if (newest !== undefined && db.now() - newest.madeAt < timing.backupMs && newest.madeAt <= db.now()) return;
  const backup = await makeBackup({ sql: db.sql, directory: paths.backups, now: db.now() });
  deps.log.info({ path: backup.path, bytes: backup.bytes }, 'database backed up');
  await dropOldBackups(paths.backups, deps.keptBackups);
}
