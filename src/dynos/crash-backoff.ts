// How long a crashed dyno waits for its next try. Pure.

const MAX_DOUBLINGS = 4;

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
