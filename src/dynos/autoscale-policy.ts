// How many dynos a process type should have, from what the router and the kernel measured of it (pure). Up after a short
// time over the target, at most doubling; down after a long calm, at most halving, and only to where the same load
// would not bring it up again. Each up that follows soon after a down doubles the calm that the next down needs, so
// that no load, whatever its rhythm, makes the number go up and down for ever.

import type { Autoscale } from '../platform/autoscale.js';
import type { ScalingLessons } from '../platform/scaling-lessons.js';
import { percentile } from '../router/request-meter.js';

/** What was measured of a process type between two looks. */
export interface LoadSample {
  /** When it ended, epoch ms. */
  readonly at: number;
  readonly seconds: number;
  /** Requests that reached its dynos. */
  readonly requests: number;
  /** Their times to the first byte, as the request meter's histogram. */
  readonly buckets: readonly number[];
  /** CPU time that its dynos used, in seconds. */
  readonly cpuSeconds: number;
  /** Dynos that were up. */
  readonly dynos: number;
}

export interface ScalingTimes {
  /** Time between two samples. */
  readonly sampleMs: number;
  /** How long the target must be exceeded. */
  readonly upMs: number;
  /** How long it must be calm. */
  readonly downMs: number;
  /** How long a load that was too much for a number of dynos is remembered. */
  readonly memoryMs: number;
}

export const SCALING_TIMES: ScalingTimes = {
  sampleMs: 5000,
  upMs: 30_000,
  downMs: 300_000,
  memoryMs: 3_600_000,
};

/** What the policy remembers of a process type from sample to sample. */
export interface ScalingMemory extends ScalingLessons {
  readonly quantity: number;
  /** Epoch ms of the last change of quantity that was seen. */
  readonly changedAt: number;
  /** Since then, oldest first. */
  readonly samples: readonly LoadSample[];
}

export interface ScalingStep {
  readonly memory: ScalingMemory;
  /** Undefined: leave it. */
  readonly decision: { readonly quantity: number; readonly reason: string } | undefined;
}

type Rule = Pick<Autoscale, 'min' | 'max' | 'metric' | 'target'>;

/** Of the target: below it there is room for fewer dynos. */
const CALM_SHARE = 0.8;
/** Of a load that was too much: what the dynos that stay may be given. */
const SAFE_SHARE = 0.75;
/** A 95th percentile of fewer requests says nothing. */
const MIN_REQUESTS = 20;
const MAX_CALM_MS = 3_600_000;

/** Takes in one more sample. `quantity` is what the formation wants now; a change by others starts anew. */
export function advance(
  before: ScalingMemory | undefined,
  options: { rule: Rule; quantity: number; sample: LoadSample; times: ScalingTimes },
): ScalingStep {
  const { rule, quantity, sample, times } = options;
  const memory = remember(before, { quantity, sample, times });
  if (quantity < rule.min) return outside(memory, rule.min, `the minimum is ${rule.min}`);
  if (quantity > rule.max) return outside(memory, rule.max, `the maximum is ${rule.max}`);
  const up = planUp(memory, { rule, sample, times });
  if (up !== undefined) return up;
  return planDown(memory, { rule, sample, times }) ?? { memory, decision: undefined };
}

/** A memory that has what was learnt, and no samples yet. `at`: now, epoch ms. */
export function recall(
  lessons: ScalingLessons,
  { quantity, at }: { quantity: number; at: number },
): ScalingMemory {
  const { lastDownAt, calmMs, tooMuch } = lessons;
  return {
    quantity,
    changedAt: at,
    samples: [],
    calmMs,
    // The clock may have been set back.
    lastDownAt: lastDownAt && Math.min(lastDownAt, at),
    tooMuch: tooMuch && { ...tooMuch, at: Math.min(tooMuch.at, at) },
  };
}

function remember(
  before: ScalingMemory | undefined,
  { quantity, sample, times }: { quantity: number; sample: LoadSample; times: ScalingTimes },
): ScalingMemory {
  const same = before?.quantity === quantity;
  const memory: ScalingMemory = {
    quantity,
    changedAt: same ? before.changedAt : sample.at,
    samples: same ? before.samples : [],
    lastDownAt: before?.lastDownAt,
    calmMs: before?.calmMs ?? times.downMs,
    tooMuch: before?.tooMuch,
  };
  // Dynos that still boot make the others look overloaded; one that crashes again and again must not stop everything.
  const isSettled = sample.dynos >= quantity || sample.at - memory.changedAt > 2 * times.upMs;
  if (!isSettled) return { ...memory, samples: [] };
  const kept = memory.samples.filter(({ at }) => sample.at - at < memory.calmMs);
  return { ...memory, samples: [...kept, sample] };
}

function planUp(
  memory: ScalingMemory,
  { rule, sample, times }: { rule: Rule; sample: LoadSample; times: ScalingTimes },
): ScalingStep | undefined {
  const window = lastMs(memory.samples, times.upMs);
  if (memory.quantity >= rule.max || !covers(window, times.upMs)) return undefined;
  const value = measure(window, rule, memory.quantity);
  // And still: what is over by now needs no more dynos.
  const newest = measure(lastMs(window, times.upMs / 3), rule, memory.quantity);
  if (!(value > rule.target && newest > rule.target)) return undefined;
  const wanted = Math.ceil(memory.quantity * Math.min(value / rule.target, 2));
  const quantity = Math.min(Math.max(wanted, memory.quantity + 1), rule.max);
  const wasTooEarly = memory.lastDownAt !== undefined && sample.at - memory.lastDownAt <= 2 * memory.calmMs;
  const reason = `${describe(value, rule)} over ${describeTarget(rule)} for ${shortTime(times.upMs)}`;
  return {
    memory: {
      ...begin(memory, quantity, sample.at),
      calmMs: wasTooEarly ? Math.min(memory.calmMs * 2, Math.max(MAX_CALM_MS, times.downMs)) : times.downMs,
      tooMuch: { rate: rate(window) / memory.quantity, at: sample.at },
    },
    decision: { quantity, reason: `${reason} (${round(rate(window))} req/s)` },
  };
}

function planDown(
  memory: ScalingMemory,
  { rule, sample, times }: { rule: Rule; sample: LoadSample; times: ScalingTimes },
): ScalingStep | undefined {
  const { quantity, samples, calmMs } = memory;
  if (quantity <= rule.min || !covers(samples, calmMs)) return undefined;
  const windows = windowsOf(samples, times.upMs);
  const bound = rule.metric === 'p95' ? boundByMemory(memory, { windows, sample, times }) : 1;
  // Response times take longest to read: not when the load alone says no.
  if (bound >= quantity) return undefined;
  const worst = Math.max(...windows.map((window) => measure(window, rule, quantity)));
  const needed =
    rule.metric === 'p95' ? fewerForP95(worst, { rule, quantity, bound }) : share(worst, rule, quantity);
  const fewer = Math.max(needed, Math.ceil(quantity / 2), rule.min);
  if (fewer >= quantity) return undefined;
  const calm = `${describe(worst, rule)}, under ${describeTarget(rule)} for ${shortTime(calmMs)}`;
  return {
    memory: { ...begin(memory, fewer, sample.at), lastDownAt: sample.at },
    decision: { quantity: fewer, reason: `${calm} (${round(rate(samples))} req/s)` },
  };
}

/** How many dynos share `worst` of each so that all stay well under the target. */
function share(worst: number, rule: Rule, quantity: number): number {
  return Math.ceil((worst * quantity) / (rule.target * CALM_SHARE));
}

/** The fewest dynos that would not be given what was too much for each before; 0 when nothing is known of that. */
function boundByMemory(
  { tooMuch }: ScalingMemory,
  options: { windows: readonly (readonly LoadSample[])[]; sample: LoadSample; times: ScalingTimes },
): number {
  const { windows, sample, times } = options;
  if (tooMuch === undefined || tooMuch.rate === 0 || sample.at - tooMuch.at >= times.memoryMs) return 0;
  return Math.max(1, Math.ceil(Math.max(...windows.map(rate)) / (tooMuch.rate * SAFE_SHARE)));
}

/** A response time is not shared out like a load: one dyno less, unless it is known what was too much, or none came. */
function fewerForP95(
  worst: number,
  { rule, quantity, bound }: { rule: Rule; quantity: number; bound: number },
): number {
  if (worst > rule.target * CALM_SHARE) return quantity;
  if (bound > 0) return bound;
  return worst === 0 ? 1 : quantity - 1;
}

function outside(memory: ScalingMemory, quantity: number, reason: string): ScalingStep {
  return { memory, decision: { quantity, reason } };
}

function begin(memory: ScalingMemory, quantity: number, at: number): ScalingMemory {
  return { ...memory, quantity, changedAt: at, samples: [] };
}

/** The metric over some samples, a dyno; 0 when there were too few requests to say. */
function measure(samples: readonly LoadSample[], rule: Rule, quantity: number): number {
  const seconds = sum(samples, (sample) => sample.seconds);
  switch (rule.metric) {
    case 'p95': {
      const buckets: number[] = [];
      for (const sample of samples) {
        sample.buckets.forEach((count, index) => {
          buckets[index] = (buckets[index] ?? 0) + count;
        });
      }
      const total = buckets.reduce((all, count) => all + count, 0);
      return total < MIN_REQUESTS ? 0 : (percentile(buckets, 0.95) ?? 0);
    }
    case 'cpu':
      return (sum(samples, (sample) => sample.cpuSeconds) / seconds / quantity) * 100;
    case 'rps':
      return rate(samples) / quantity;
  }
}

function rate(samples: readonly LoadSample[]): number {
  return sum(samples, (sample) => sample.requests) / sum(samples, (sample) => sample.seconds);
}

function lastMs(samples: readonly LoadSample[], ms: number): LoadSample[] {
  const end = samples.at(-1)?.at ?? 0;
  return samples.filter(({ at }) => end - at < ms);
}

/** Whether the samples tell of (nearly) all of the last `ms`. */
function covers(samples: readonly LoadSample[], ms: number): boolean {
  return sum(samples, (sample) => sample.seconds) * 1000 >= ms * 0.9;
}

/** Windows of `ms` that overlap by half: a short peak within a long calm is seen, and seen whole. */
function windowsOf(samples: readonly LoadSample[], ms: number): LoadSample[][] {
  const halves = new Map<number, LoadSample[]>();
  const end = samples.at(-1)?.at ?? 0;
  for (const sample of samples) {
    const index = Math.floor((end - sample.at) / (ms / 2));
    const half = halves.get(index);
    if (half === undefined) halves.set(index, [sample]);
    else half.push(sample);
  }
  return [...halves].map(([index, half]) => [...half, ...(halves.get(index + 1) ?? [])]);
}

function describe(value: number, { metric }: Rule): string {
  if (metric === 'rps') return `${round(value)} req/s a dyno`;
  return metric === 'p95' ? `p95 ${Math.round(value)}ms` : `cpu ${Math.round(value)}%`;
}

function describeTarget({ metric, target }: Rule): string {
  return `${target}${{ p95: 'ms', cpu: '%', rps: ' req/s' }[metric]}`;
}

/** `30s`, `5m`. */
function shortTime(ms: number): string {
  return ms >= 60_000 && ms % 60_000 === 0 ? `${ms / 60_000}m` : `${round(ms / 1000)}s`;
}

function round(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}

function sum(samples: readonly LoadSample[], of: (sample: LoadSample) => number): number {
  return samples.reduce((total, sample) => total + of(sample), 0);
}
