// Time that nobody sets.

/** Whole ms since the server started: the same for all its processes, and even when the wall clock is set. */
export function uptimeMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
