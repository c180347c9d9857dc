import { describe, expect, test } from 'vitest';
import type { AppAccess } from '../../../src/router/access-log-reader.js';
import { BUCKETS_MS, createRequestMeter, percentile } from '../../../src/router/request-meter.js';

const line = (appId: string, firstByteMs: number | undefined, reachedDyno = true): AppAccess => ({
  appId,
  text: Buffer.alloc(0),
  lineCount: 1,
  reached: reachedDyno ? 1 : 0,
  classes: reachedDyno ? [0, 1, 0, 0, 0] : [0, 0, 0, 0, 1],
  firstByteMs: firstByteMs === undefined ? [] : [firstByteMs],
});

describe('createRequestMeter', () => {
  test('counts what reached a dyno, and remembers when anything came', () => {
    let now = 1000;
    const meter = createRequestMeter(() => now);
    now = 2000;
    meter.count([line('a', 5), line('a', undefined), line('b', undefined, false)]);
    now = 3000;
    meter.count([line('a', 700)]);
    const { since, apps } = meter.report();
    expect(since).toBe(1000);
    expect(apps['a']).toMatchObject({ lastAt: 3000, count: 3, classes: [0, 3, 0, 0, 0] });
    expect(apps['a']?.buckets.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(apps['b']).toMatchObject({ lastAt: 2000, count: 0, classes: [0, 0, 0, 0, 1] });
  });

  test('forgets the apps that were quiet for longest', () => {
    const meter = createRequestMeter(() => 1);
    meter.count([line('first', 1), line('second', 1), line('first', 1)]);
    meter.count(Array.from({ length: 1999 }, (_, index) => line(`app-${index}`, 1)));
    const { apps } = meter.report();
    expect(Object.keys(apps)).toHaveLength(2000);
    expect(apps['second']).toBeUndefined();
    expect(apps['first']).toBeDefined();
  });
});

describe('percentile', () => {
  const bucketsOf = (values: number[]) => {
    const meter = createRequestMeter(() => 1);
    meter.count(values.map((ms) => line('a', ms)));
    return meter.report().apps['a']?.buckets ?? [];
  };

  test.each([
    ['of one', [500], 500],
    ['of a hundred', Array.from({ length: 100 }, (_, index) => (index < 96 ? 100 : 9000)), 100],
    ['with six slow ones', Array.from({ length: 100 }, (_, index) => (index < 94 ? 100 : 9000)), 9000],
    ['under a millisecond', [0, 0, 0], 1],
  ])('is at most a step too high %s', (_what, values, exact) => {
    const value = percentile(bucketsOf(values), 0.95) ?? 0;
    expect(value).toBeGreaterThanOrEqual(exact * 0.99);
    expect(value).toBeLessThanOrEqual(exact * 1.16);
  });

  test('is unknown of nothing, and bounded above', () => {
    expect(percentile([], 0.95)).toBeUndefined();
    expect(percentile(bucketsOf([10_000_000]), 0.95)).toBe(BUCKETS_MS.at(-1));
    expect(BUCKETS_MS.at(-1)).toBeGreaterThan(60_000);
  });
});
