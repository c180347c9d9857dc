// How many lines a process may log: a bucket that holds one second's worth.

/** `linesPerSecond` 0 means no limit. */
export class RateLimit {
  readonly #linesPerSecond: number;
  #tokens: number;
  #lastUs = 0;

  constructor(linesPerSecond: number) {
    this.#linesPerSecond = linesPerSecond;
    this.#tokens = linesPerSecond;
  }

  /** How many of `count` lines may pass now. */
  take(count: number, nowUs: number): number {
    if (this.#linesPerSecond === 0) return count;
    const elapsedUs = Math.max(0, nowUs - this.#lastUs);
    this.#lastUs = nowUs;
    const earned = (elapsedUs * this.#linesPerSecond) / 1_000_000;
    this.#tokens = Math.min(this.#linesPerSecond, this.#tokens + earned);
    const passed = Math.min(count, Math.floor(this.#tokens));
    this.#tokens -= passed;
    return passed;
  }
}
