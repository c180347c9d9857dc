import { describe, expect, it } from 'vitest';
import { planBallast } from '../../../src/upkeep/ballast.js';
import { type DiskSample, forecastDisk } from '../../../src/upkeep/disk-forecast.js';
import { type FloorWish, floorBytes, formatBytes } from '../../../src/upkeep/disk-space.js';

const GB = 1024 ** 3;

describe('floorBytes', () => {
  it.each<[number, FloorWish, number]>([
    [100 * GB, undefined, 5 * GB],
    [20 * GB, undefined, 2 * GB],
    [4000 * GB, undefined, 20 * GB],
    [5 * GB, undefined, 1 * GB],
    [100 * GB, { bytes: 7 * GB }, 7 * GB],
    [100 * GB, { share: 0.1 }, 10 * GB],
    [100 * GB, { share: 0 }, 0],
  ])('of %d with %o is %d', (total, wish, expected) => {
    expect(floorBytes(total, wish)).toBe(expected);
  });
});

describe('planBallast', () => {
  it.each([
    ['plenty', 10, false, 'lay'],
    ['plenty, laid', 10, true, 'leave'],
    ['a little above the floor', 2.5, false, 'leave'],
    ['below the floor, laid', 1, true, 'leave'],
    ['full, laid', 0.1, true, 'free'],
    ['full', 0, false, 'leave'],
  ])('%s', (_what, freeGb, isLaid, expected) => {
    expect(planBallast({ freeBytes: freeGb * GB, floorBytes: 2 * GB, ballastBytes: GB / 4, isLaid })).toBe(
      expected,
    );
  });

  it('lays none when there is to be none', () => {
    expect(planBallast({ freeBytes: 9 * GB, floorBytes: GB, ballastBytes: 0, isLaid: false })).toBe('leave');
  });
});

describe('forecastDisk', () => {
  const DAY = 24 * 3600_000;
  const line = (count: number, stepMs: number, freeAt: (index: number) => number): DiskSample[] =>
    Array.from({ length: count }, (_, index) => ({ at: 1e12 + index * stepMs, freeBytes: freeAt(index) }));

  it.each<[string, DiskSample[], ReturnType<typeof forecastDisk>]>([
    ['nothing without samples', [], undefined],
    ['nothing of half an hour', line(4, 600_000, () => GB), undefined],
    ['nothing of six samples in a minute', line(6, 10_000, () => GB), undefined],
    ['no end when nothing changes', line(20, DAY, () => GB), { bytesPerDay: 0, fullInSeconds: undefined }],
    [
      'no end when space is being freed',
      line(10, DAY, (i) => i * GB),
      { bytesPerDay: -GB, fullInSeconds: undefined },
    ],
    [
      'ten more days at 1 GB a day',
      line(11, DAY, (i) => 20 * GB - i * GB),
      { bytesPerDay: GB, fullInSeconds: 10 * 86_400 },
    ],
    [
      'no end within a year',
      line(11, DAY, (i) => 4000 * GB - i * GB),
      { bytesPerDay: GB, fullInSeconds: undefined },
    ],
    ['now, when it is full', line(11, DAY, (i) => 10 * GB - i * GB), { bytesPerDay: GB, fullInSeconds: 0 }],
  ])('%s', (_what, samples, expected) => {
    const found = forecastDisk(samples);
    if (expected === undefined) return expect(found).toBeUndefined();
    expect(found?.bytesPerDay).toBeCloseTo(expected.bytesPerDay, 0);
    if (expected.fullInSeconds === undefined) return expect(found?.fullInSeconds).toBeUndefined();
    expect(found?.fullInSeconds).toBeCloseTo(expected.fullInSeconds, 0);
  });

  it('is not thrown off by one big build', () => {
    const samples = line(11, DAY, (i) => (i === 10 ? 8 * GB : 20 * GB - i * GB));
    expect((forecastDisk(samples)?.fullInSeconds ?? 0) / 86_400).toBeGreaterThan(5);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1.0 KB'],
    [15 * 1024 ** 2, '15 MB'],
    [1.5 * GB, '1.5 GB'],
  ])('%d', (bytes, expected) => {
    expect(formatBytes(bytes)).toBe(expected);
  });
});
