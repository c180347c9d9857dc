// When a disk will be full, from how its free space went: a straight line through the samples. Pure.

export interface DiskSample {
  /** Epoch ms. */
  readonly at: number;
  readonly freeBytes: number;
}

export interface DiskForecast {
  /** Growth of what is used; negative when space is being freed. */
  readonly bytesPerDay: number;
  /** Undefined when it will not be full within a year. */
  readonly fullInSeconds: number | undefined;
}

const DAY_MS = 24 * 3600 * 1000;
const MIN_SAMPLES = 6;
const MIN_SPAN_MS = 3600 * 1000;
const YEAR_SECONDS = 365 * 24 * 3600;

/** Undefined as long as there are too few samples to say anything (an hour of them). */
export function forecastDisk(samples: readonly DiskSample[]): DiskForecast | undefined {
  const last = samples.at(-1);
  const first = samples[0];
  if (first === undefined || last === undefined) return undefined;
  if (samples.length < MIN_SAMPLES || last.at - first.at < MIN_SPAN_MS) return undefined;
  const { slope, intercept } = fitLine(samples.map(({ at, freeBytes }) => [at - first.at, freeBytes]));
  const bytesPerDay = -slope * DAY_MS;
  // From the line rather than from the last sample, which one big build may have pushed down.
  const expected = Math.max(0, Math.min(intercept + slope * (last.at - first.at), last.freeBytes));
  const fullInSeconds = slope < 0 ? expected / -slope / 1000 : undefined;
  const isNear = fullInSeconds !== undefined && fullInSeconds <= YEAR_SECONDS;
  return { bytesPerDay, fullInSeconds: isNear ? fullInSeconds : undefined };
}

/** Least squares. */
function fitLine(points: readonly (readonly [number, number])[]): { slope: number; intercept: number } {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  let above = 0;
  let below = 0;
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  const slope = below === 0 ? 0 : above / below;
  return { slope, intercept: meanY - slope * meanX };
}
