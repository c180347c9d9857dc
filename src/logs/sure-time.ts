// Whether the wall clock can be relied on for deleting what is old. A clock that a battery or an operator set wrong is
// mended by others, within minutes: it has to run evenly for an hour first.

const SURE_AFTER_MS = 3_600_000;
/** Between two looks; slow adjustments are smaller. */
const JUMP_MS = 5000;

export class SureTime {
  readonly #uptimeMs: () => number;
  #aheadMs: number | undefined;
  #evenSinceMs = 0;

  /** `uptimeMs` is a clock that nobody sets. */
  constructor(uptimeMs: () => number) {
    this.#uptimeMs = uptimeMs;
  }

  /** `nowUs`, when the wall clock has not jumped for an hour of looks; otherwise undefined. */
  look(nowUs: number): number | undefined {
    const uptimeMs = this.#uptimeMs();
    const aheadMs = nowUs / 1000 - uptimeMs;
    const hasJumped = this.#aheadMs === undefined || Math.abs(aheadMs - this.#aheadMs) > JUMP_MS;
    this.#aheadMs = aheadMs;
    if (hasJumped) this.#evenSinceMs = uptimeMs;
    return uptimeMs - this.#evenSinceMs >= SURE_AFTER_MS ? nowUs : undefined;
  }
}
