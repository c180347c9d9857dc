import { expect, test } from 'vitest';
import { SureTime } from '../../../src/logs/sure-time.js';

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;

/** Looks each minute; `ahead` says how far the wall clock is ahead in that minute. Which looks were sure. */
function sureLooks(minutes: number, ahead: (minute: number) => number): number[] {
  let minute = 0;
  const time = new SureTime(() => 5000 + minute * MINUTE_MS);
  const sure: number[] = [];
  for (; minute <= minutes; minute += 1) {
    const nowUs = (1e12 + minute * MINUTE_MS + ahead(minute)) * 1000;
    const found = time.look(nowUs);
    if (found !== undefined) {
      expect(found).toBe(nowUs);
      sure.push(minute);
    }
  }
  return sure;
}

test.each([
  ['an even clock, after an hour', () => 0, 60],
  ['a clock that is adjusted slowly', (minute: number) => minute * 30, 60],
  [
    'a clock that is wrong at the start and mended later',
    (minute: number) => (minute < 4 ? 8 * DAY_MS : 0),
    64,
  ],
  ['one look far ahead', (minute: number) => (minute === 61 ? 8 * DAY_MS : 0), 60],
])('%s', (_, ahead, first) => {
  expect(sureLooks(200, ahead)[0]).toBe(first);
});

test('a jump is sure after an hour again, and not before', () => {
  const sure = sureLooks(200, (minute) => (minute >= 70 && minute < 72 ? -9 * DAY_MS : 0));
  expect(sure.filter((minute) => minute >= 69 && minute <= 133)).toEqual([69, 132, 133]);
});
