// Counts of each app's requests, from the access log: how many, when the last one, and how long the dynos took. They
// only grow; who wants a rate or a percentile compares two reports. The collector process counts, so that the counts
// go on while the daemon is away.

import type { AppAccess } from './access-log-reader.js';

/** What one app's requests came to since `MeterReport.since`. */
export interface AppRequests {
  /** Epoch ms of the newest request that ended, those that the router answered by itself included. */
  readonly lastAt: number;
  /** Requests that reached a dyno. */
  readonly count: number;
  /** Answers by the first digit of their status, 1 to 5, at its place less one; those of the router itself included. */
  readonly classes: readonly number[];
  /** How many of the requests that reached a dyno had their first byte within each bound of `BUCKETS_MS`; the last one has no bound. */
  readonly buckets: readonly number[];
}

export interface MeterReport {
  /** Epoch ms: nothing is known of requests before. */
  readonly since: number;
  /** By app id. */
  readonly apps: Readonly<Record<string, AppRequests>>;
}

export interface RequestMeter {
  count(batch: readonly AppAccess[]): void;
  report(): MeterReport;
}

const STEP = 1.15;
/** Upper bounds of the histogram, 1 ms to 60 s: a percentile read from it is at most 15 % too high. */
export const BUCKETS_MS: readonly number[] = Array.from(
  { length: 80 },
  (_, index) => Math.round(STEP ** index * 10) / 10,
);

/** Of destroyed apps, too: the one that was quiet for longest is forgotten. */
const MAX_APPS = 2000;

interface Counts {
  lastAt: number;
  count: number;
  readonly classes: number[];
  readonly buckets: number[];
}

/** A meter that begins now. `now` gives epoch ms. */
export function createRequestMeter(now: () => number): RequestMeter {
  const since = now();
  const apps = new Map<string, Counts>();

  function countsOf(appId: string): Counts {
    const known = apps.get(appId);
    // Newest last.
    apps.delete(appId);
    const counts = known ?? {
      lastAt: 0,
      count: 0,
      classes: [0, 0, 0, 0, 0],
      buckets: new Array(BUCKETS_MS.length + 1).fill(0),
    };
    apps.set(appId, counts);
    const [quietest] = apps.keys();
    if (apps.size > MAX_APPS && quietest !== undefined) apps.delete(quietest);
    return counts;
  }

  return {
    count(batch) {
      const at = now();
      for (const { appId, reached, classes, firstByteMs } of batch) {
        const counts = countsOf(appId);
        counts.lastAt = at;
        counts.count += reached;
        for (const [place, count] of classes.entries())
          counts.classes[place] = (counts.classes[place] ?? 0) + count;
        for (const ms of firstByteMs) {
          const bucket = bucketOf(ms);
          counts.buckets[bucket] = (counts.buckets[bucket] ?? 0) + 1;
        }
      }
    },
    report: () => ({ since, apps: Object.fromEntries(apps) }),
  };
}

/** The bound in ms under which `share` (0.95) of what `buckets` counts lies; undefined when they count nothing. */
export function percentile(buckets: readonly number[], share: number): number | undefined {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let seen = 0;
  for (const [index, count] of buckets.entries()) {
    seen += count;
    if (seen >= total * share) return BUCKETS_MS[index] ?? BUCKETS_MS.at(-1);
  }
  return BUCKETS_MS.at(-1);
}

function bucketOf(ms: number): number {
  let index = 0;
  while (index < BUCKETS_MS.length && ms > (BUCKETS_MS[index] ?? 0)) index += 1;
  return index;
}
