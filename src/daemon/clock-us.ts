// Wall-clock time in microseconds.

const MAX_DRIFT_US = 500_000;

/** A clock of epoch microseconds that runs evenly, and follows the system clock when that is set. */
export function createClockUs(): () => number {
  let offsetUs = Date.now() * 1000 - performance.now() * 1000;
  return () => {
    const evenUs = Math.round(performance.now() * 1000 + offsetUs);
    const systemUs = Date.now() * 1000;
    if (Math.abs(evenUs - systemUs) < MAX_DRIFT_US) return evenUs;
    offsetUs += systemUs - evenUs;
    return systemUs;
  };
}
