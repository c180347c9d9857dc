// Ends builds before they fill a disk for everybody. The floor keeps builds from beginning; below half of it, or when a
// disk is about to run full, the newest build that runs is ended, then the next, until there is room or none is left.
// Free space is all that it looks at, whatever a build runs in: asked ten times a second, only while something is built.
// docs/decisions/0155-running-builds-are-ended-for-space.md

import { setTimeout as sleep } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import { type DiskSpace, type FileSystem, formatBytes } from './disk-space.js';

type Space = Pick<FileSystem, 'holds' | 'freeBytes' | 'floorBytes' | 'totalBytes'>;

export interface BuildGuard {
  /** Yields what `steps` yields. They throw the reason of the signal that they are given when the build has to end. */
  watch<Result>(
    build: { readonly buildId: string; readonly signal: AbortSignal },
    steps: (signal: AbortSignal) => AsyncGenerator<string, Result>,
  ): AsyncGenerator<string, Result>;
}

interface Running {
  readonly buildId: string;
  readonly end: AbortController;
}

/** Free space at one look, on the monotonic clock. */
export interface SpaceLook {
  readonly atMs: number;
  readonly freeBytes: number;
}

const LOOK_MS = 100;
/** Over so much the speed is measured. */
const WINDOW_MS = 500;
/** From a look to the last byte that an ended build writes. */
const REACTION_MS = 1500;
/** What others write all the time is no fall. */
const FALL_BYTES_PER_SECOND = 4 * 1024 ** 2;
/** How long space that does not come back is waited for before the next build is ended. */
const SETTLE_MS = 3000;

/** Free bytes under which builds that run are ended. Pure. */
export function endingMark(floorBytes: number): number {
  return Math.round(floorBytes / 2);
}

/** Whether builds have to end: below the mark, or, below the floor, full before an end could help. Pure. */
export function isRunningOut(
  { freeBytes, floorBytes }: Pick<Space, 'freeBytes' | 'floorBytes'>,
  bytesPerSecond: number,
): boolean {
  if (freeBytes < endingMark(floorBytes)) return true;
  return freeBytes < floorBytes && freeBytes < (bytesPerSecond * REACTION_MS) / 1000;
}

/** How fast free space goes away, in bytes per second; negative when it comes back. Pure. */
export function fallOf(looks: readonly SpaceLook[]): number {
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
  return ((first.freeBytes - last.freeBytes) / (last.atMs - first.atMs)) * 1000;
}

/** A guard over the disks of `space`. */
export function createBuildGuard(options: { space: Pick<DiskSpace, 'read'>; log: Logger }): BuildGuard {
  const { space, log } = options;
  /** In the order in which they began. */
  const running = new Set<Running>();
  const looks = new Map<string, SpaceLook[]>();
  let waitUntilMs = 0;
  /** Until then the fall is that of a build which has ended. */
  let quietUntilMs = 0;
  let isLooking = false;

  function note(system: Space, atMs: number): number {
    const kept = (looks.get(system.holds) ?? []).filter((look) => look.atMs > atMs - WINDOW_MS);
    kept.push({ atMs, freeBytes: system.freeBytes });
    looks.set(system.holds, kept);
    return fallOf(kept);
  }

  async function look(): Promise<void> {
    const systems = await space.read();
    const nowMs = performance.now();
    for (const system of systems) {
      const fall = note(system, nowMs);
      if (isRunningOut(system, fall)) endNewest(system, { fall, nowMs });
    }
  }

  function endNewest(system: Space, { fall, nowMs }: { fall: number; nowMs: number }): void {
    // It comes back: what was ended is being taken away.
    if (fall < 0) waitUntilMs = Math.max(waitUntilMs, nowMs + WINDOW_MS);
    const isEnding = nowMs < quietUntilMs || [...running].some(({ end }) => end.signal.aborted);
    if (nowMs < waitUntilMs && (isEnding || fall < FALL_BYTES_PER_SECOND)) return;
    const newest = [...running].findLast(({ end }) => !end.signal.aborted);
    if (newest === undefined) return;
    waitUntilMs = nowMs + SETTLE_MS;
    log.warn({ build: newest.buildId, system, fall }, 'a disk is nearly full: the newest build is ended');
    newest.end.abort(nearlyFull(system));
  }

  async function lookOn(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    looks.clear();
    while (running.size > 0) {
      await look().catch((error: unknown) => log.warn({ err: error }, 'free space not read during a build'));
      await sleep(LOOK_MS);
    }
    isLooking = false;
  }

  return {
    async *watch({ buildId, signal }, steps) {
      const build: Running = { buildId, end: new AbortController() };
      running.add(build);
      void lookOn();
      using either = anySignal(signal, build.end.signal);
      try {
        return yield* steps(either.signal);
      } finally {
        running.delete(build);
        if (build.end.signal.aborted) quietUntilMs = performance.now() + WINDOW_MS;
      }
    },
  };
}

function nearlyFull({ holds, freeBytes, floorBytes, totalBytes }: Space): PaasError {
  const disk = holds === 'data' ? "the platform's disk" : 'the disk of the container engine';
  const left = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} were left`;
  const mark = formatBytes(endingMark(floorBytes));
  return new PaasError(
    'build_failed',
    `The build was ended: ${disk} is nearly full (${left}; builds end below ${mark}).`,
    {
      hint: 'Apps go on running. Make the build write less, or ask the operator for space: paas doctor says what takes it.',
    },
  );
}
