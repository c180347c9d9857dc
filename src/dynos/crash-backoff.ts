// How long a crashed dyno waits for its next try. Pure.

import type { IncidentKind } from '../platform/incidents.js';

const MAX_DOUBLINGS = 4;
const SHORT_COOL_OFF_MS = 10_000;
/** What may be well again by itself, as soon as what the dyno depends on is. */
const PASSING: readonly IncidentKind[] = ['check-failed', 'could-not-start'];

/** A dyno that ran this long has shown that it works: its next crash counts as a first one. */
export const PROVEN_AFTER_MS = 10 * 60 * 1000;

/**
 * Wait in ms before the next start after `crashes` crashes in a row: none after the first, then `coolOffMs`, doubling
 * to 16 times that (Heroku: 20, 40, 80, 160, 320 minutes).
 */
export function crashDelayMs(crashes: number, coolOffMs: number): number {
  if (crashes <= 1) return 0;
  return coolOffMs * 2 ** Math.min(crashes - 2, MAX_DOUBLINGS);
}

/**
 * The first cool-off after a crash of this kind. A dyno that failed its check while it ran, or that the engine failed to
 * start, may be well again as soon as what it depends on is: it is tried every 10 to 160 seconds, or all dynos of an app
 * would stay away for an hour because its database, or the engine, was in trouble for a minute.
 */
export function coolOffOf(kind: IncidentKind, coolOffMs: number): number {
  return PASSING.includes(kind) ? Math.min(SHORT_COOL_OFF_MS, coolOffMs) : coolOffMs;
}

/** Epoch ms of the next start after these crashes in a row; now, when the clock was set back behind them. */
export function nextTryAt(
  crashes: { lastAt: number; count: number; kind: IncidentKind },
  { coolOffMs, nowMs }: { coolOffMs: number; nowMs: number },
): number {
  if (crashes.lastAt > nowMs) return nowMs;
  return crashes.lastAt + crashDelayMs(crashes.count, coolOffOf(crashes.kind, coolOffMs));
}

/** A wait in words: `40 seconds`, `20 minutes`. */
export function describeDelay(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  const [count, unit] = seconds < 120 ? [seconds, 'second'] : [Math.round(seconds / 60), 'minute'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
