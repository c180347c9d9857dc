import { describe, expect, test } from 'vitest';
import {
  advance,
  type LoadSample,
  recall,
  SCALING_TIMES,
  type ScalingMemory,
} from '../../../src/dynos/autoscale-policy.js';
import type { ScalingMetric } from '../../../src/platform/autoscale.js';
import { createRequestMeter } from '../../../src/router/request-meter.js';

type Rule = { min: number; max: number; metric: ScalingMetric; target: number };
/** Requests a second at a moment (seconds). */
type Load = (second: number) => number;

const MINUTE = 60;
const HOUR = 3600;

/**
 * An app whose dynos take `capacity` requests a second each: its first byte takes 100 ms when idle, ever longer towards
 * the capacity, and seconds above. New dynos are up after 5 seconds.
 */
function simulate(
  rule: Rule,
  load: Load,
  seconds: number,
  options: { quantity?: number; capacity?: number; restartEvery?: number } = {},
) {
  const capacity = options.capacity ?? 100;
  const step = SCALING_TIMES.sampleMs / 1000;
  let quantity = options.quantity ?? rule.min;
  let up = quantity;
  let memory: ScalingMemory | undefined;
  const changes: { at: number; to: number; reason: string }[] = [];
  for (let second = step; second <= seconds; second += step) {
    const rate = load(second);
    const busy = rate / up / capacity;
    const ms = busy < 0.98 ? 100 / (1 - busy) : 8000;
    const requests = Math.round(rate * step);
    const sample: LoadSample = {
      at: second * 1000,
      seconds: step,
      requests,
      buckets: bucketsOf(ms, requests),
      cpuSeconds: Math.min(busy, 1) * up * step,
      dynos: up,
    };
    if (options.restartEvery && second % options.restartEvery === 0) memory = restarted(memory, sample.at);
    const result = advance(memory, { rule, quantity, sample, times: SCALING_TIMES });
    memory = result.memory;
    up = quantity;
    if (result.decision === undefined) continue;
    quantity = result.decision.quantity;
    up = Math.min(up, quantity);
    changes.push({ at: second, to: quantity, reason: result.decision.reason });
  }
  return { changes, quantity };
}

/** What a daemon that starts knows: what the one before it had in its database. */
function restarted(memory: ScalingMemory | undefined, at: number): ScalingMemory | undefined {
  return memory && recall(JSON.parse(JSON.stringify(memory)), { quantity: memory.quantity, at });
}

function bucketsOf(ms: number, requests: number): readonly number[] {
  const meter = createRequestMeter(() => 1);
  const text = Buffer.alloc(0);
  meter.count([{ appId: 'a', text, lineCount: 1, reached: 1, classes: [0, 1, 0, 0, 0], firstByteMs: [ms] }]);
  return (meter.report().apps['a']?.buckets ?? []).map((count) => count * requests);
}

const RPS: Rule = { min: 1, max: 8, metric: 'rps', target: 50 };
const P95: Rule = { min: 1, max: 8, metric: 'p95', target: 500 };
const CPU: Rule = { min: 1, max: 8, metric: 'cpu', target: 70 };
const stepLoad =
  (low: number, high: number, from: number, to: number): Load =>
  (second) =>
    second >= from && second < to ? high : low;

describe('a step of load', () => {
  test.each([
    ['rps', RPS, 300, 6],
    ['p95', P95, 300, 4],
    ['cpu', CPU, 300, 5],
  ])('is followed up quickly and down slowly by %s', (_metric, rule, high, enough) => {
    const { changes } = simulate(rule, stepLoad(5, high, 10 * MINUTE, 30 * MINUTE), 90 * MINUTE);
    const ups = changes.filter(({ at }) => at < 30 * MINUTE);
    const downs = changes.filter(({ at }) => at >= 30 * MINUTE);
    expect(ups.map(({ to }) => to)).toEqual([...ups.map(({ to }) => to)].sort((a, b) => a - b));
    expect(ups.at(-1)?.to).toBeGreaterThanOrEqual(enough);
    expect(ups.length).toBeLessThanOrEqual(4);
    expect(ups[0]?.at).toBeLessThanOrEqual(10 * MINUTE + 40);
    expect(ups.at(-1)?.at).toBeLessThanOrEqual(10 * MINUTE + 4 * 50);
    expect(downs[0]?.at).toBeGreaterThan(34 * MINUTE);
    expect(downs.map(({ to }) => to)).toEqual([...downs.map(({ to }) => to)].sort((a, b) => b - a));
    expect(downs.at(-1)?.to).toBe(1);
    expect(downs.length).toBeLessThanOrEqual(4);
  });

  test('at most doubles, and says why', () => {
    const { changes } = simulate(RPS, stepLoad(5, 390, MINUTE, HOUR), 10 * MINUTE);
    expect(changes.map(({ to }) => to)).toEqual([2, 4, 8]);
    expect(changes[1]?.reason).toBe('195 req/s a dyno over 50 req/s for 30s (390 req/s)');
    expect(simulate(P95, stepLoad(5, 300, MINUTE, HOUR), 10 * MINUTE).changes[0]?.reason).toMatch(
      /^p95 \d{4}ms over 500ms for 30s \(\d+ req\/s\)$/,
    );
    const calm = simulate(CPU, () => 5, 10 * MINUTE, { quantity: 4 }).changes;
    expect(calm[0]).toMatchObject({ to: 2, reason: 'cpu 1%, under 70% for 5m (5 req/s)' });
  });
});

describe('a load that goes on for long', () => {
  const noise = (second: number) => ((Math.sin(second * 12.9898) * 43758.5453) % 1) * 2;
  const loads: [string, Load][] = [
    ['stays at the target', () => 100],
    ['is noisy around the target', (second) => 100 * (1 + 0.3 * noise(second))],
    ['goes up and down around the target each minute', (second) => (second % MINUTE < 30 ? 80 : 120)],
    ['is a sawtooth of ten minutes', (second) => 20 + ((second % (10 * MINUTE)) / (10 * MINUTE)) * 200],
    ['is a square of twelve minutes', (second) => (second % (12 * MINUTE) < 6 * MINUTE ? 20 : 200)],
    ['has a peak of ten seconds each two minutes', (second) => (second % (2 * MINUTE) < 10 ? 300 : 10)],
    ['is a wave of an hour', (second) => 150 + 140 * Math.sin((second / HOUR) * 2 * Math.PI)],
  ];
  test.each(
    loads.flatMap(([what, load]) => [RPS, P95, CPU].map((rule) => [what, rule.metric, rule, load] as const)),
  )('which %s does not make %s flap', { timeout: 30_000 }, (_what, _metric, rule, load) => {
    const hours = 3;
    const { changes } = simulate(rule, load, hours * HOUR);
    const reversals = changes.filter(
      ({ to }, index) =>
        index >= 2 &&
        Math.sign(to - (changes[index - 1]?.to ?? 0)) !==
          Math.sign((changes[index - 1]?.to ?? 0) - (changes[index - 2]?.to ?? 0)),
    );
    // A wave of an hour turns twice an hour, and may be followed: up to four steps each way.
    expect(reversals.length, JSON.stringify(changes)).toBeLessThanOrEqual(2 * hours);
    const lateChanges = changes.filter(({ at }) => at > HOUR);
    expect(lateChanges.length, JSON.stringify(changes)).toBeLessThanOrEqual(16);
  });

  test('that one dyno bears keeps one dyno', () => {
    for (const rule of [RPS, P95, CPU]) expect(simulate(rule, () => 40, 2 * HOUR).changes).toEqual([]);
  });

  test('that is steady and high is not tried with fewer dynos within the hour', () => {
    const { changes } = simulate(P95, () => 300, 50 * MINUTE);
    expect(changes.map(({ to }) => to)).toEqual([2, 4]);
  });
});

describe('a daemon that starts again every ten minutes', () => {
  test.each([RPS, P95, CPU])('tries nothing again that was too much, by $metric', (rule) => {
    const stepsOf = (restartEvery?: number) =>
      simulate(rule, () => 280, HOUR, restartEvery ? { restartEvery } : {}).changes.map(({ to }) => to);
    expect(stepsOf(10 * MINUTE)).toEqual(stepsOf());
  });

  test.each([RPS, P95, CPU])('takes no dyno away before a whole calm, by $metric', (rule) => {
    // It starts again while the load is over: what was measured before does not count.
    const { changes } = simulate(rule, stepLoad(300, 5, 16 * MINUTE, HOUR), 40 * MINUTE, {
      restartEvery: 20 * MINUTE,
    });
    const downs = changes.filter(({ to }, index) => to < (changes[index - 1]?.to ?? rule.min));
    expect(downs[0]?.at).toBeGreaterThan(20 * MINUTE + 4 * MINUTE);
    expect(downs[0]?.at).toBeLessThan(26 * MINUTE);
  });

  test('does not believe a time in the future', () => {
    const lessons = { calmMs: 1000, lastDownAt: 9e9, tooMuch: { rate: 7, at: 9e9 } };
    expect(recall(lessons, { quantity: 2, at: 5000 })).toEqual({
      ...{ quantity: 2, changedAt: 5000, samples: [], calmMs: 1000 },
      ...{ lastDownAt: 5000, tooMuch: { rate: 7, at: 5000 } },
    });
  });
});

describe('bounds', () => {
  test('are kept, and entered at once from outside', () => {
    expect(simulate({ ...RPS, min: 3 }, () => 0, 10, { quantity: 1 }).changes).toEqual([
      { at: 5, to: 3, reason: 'the minimum is 3' },
    ]);
    expect(simulate({ ...RPS, max: 5 }, () => 0, 10, { quantity: 9 }).changes[0]).toEqual({
      at: 5,
      to: 5,
      reason: 'the maximum is 5',
    });
    expect(simulate({ ...RPS, max: 3 }, () => 1000, HOUR).quantity).toBe(3);
  });
});

test('a few slow requests are no load', () => {
  const slow = simulate(P95, () => 0.5, HOUR, { capacity: 0.5 });
  expect(slow.changes).toEqual([]);
});

test('dynos that do not come up stop decisions for a minute only', () => {
  let memory: ScalingMemory | undefined;
  const decisions: number[] = [];
  for (let at = 5; at <= 200; at += 5) {
    const sample = { at: at * 1000, seconds: 5, requests: 1000, buckets: [], cpuSeconds: 0, dynos: 1 };
    const result = advance(memory, { rule: RPS, quantity: 2, sample, times: SCALING_TIMES });
    memory = result.memory;
    if (result.decision !== undefined) decisions.push(at);
  }
  expect(decisions[0]).toBeGreaterThan(85);
  expect(decisions[0]).toBeLessThan(105);
});
