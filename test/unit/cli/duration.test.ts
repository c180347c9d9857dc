import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../../src/cli/duration.js';

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['30m', 1_800_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['90', 90_000],
    ['2D', 172_800_000],
  ])('%s is %d ms', (text, ms) => expect(parseDuration('after', text, 's')).toBe(ms));

  test.each(['', 'soon', '5 m', '-5m', '5m!', 'm'])('%j is refused', (text) => {
    expect(() => parseDuration('after', text, 's')).toThrow('--after must be a time');
  });

  test.each([
    [500, '500ms'],
    [1500, '1.5s'],
    [60_000, '1m'],
    [5_400_000, '1h30m'],
    [90_061_000, '1d1h1m1s'],
  ])('%d ms is shown as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});
