import { expect, it } from 'vitest';
import { type Excuse, type Failure, unexcused } from '../../support/nemesis/excuses.js';

const fail = (from: number, until: number, app = 'oak', visitor = 'a'): Failure => ({
  app,
  visitor,
  from,
  until,
  text: '503',
});
const excuse = (parts: Partial<Excuse> = {}): Excuse => ({
  app: 'oak',
  from: 100,
  until: 200,
  most: Number.POSITIVE_INFINITY,
  ...parts,
});

it.each([
  ['nothing excuses', [fail(1, 2)], [], [0]],
  ['before', [fail(90, 99)], [excuse()], [0]],
  ['under way at its beginning', [fail(90, 100)], [excuse()], []],
  ['within', [fail(110, 120), fail(130, 140)], [excuse()], []],
  ['begun before its end', [fail(200, 900)], [excuse()], []],
  ['after', [fail(201, 202)], [excuse()], [0]],
  ['another app', [fail(110, 120, 'elm')], [excuse()], [0]],
  ['every app', [fail(110, 120, 'elm'), fail(110, 120)], [excuse({ app: undefined })], []],
  ['one of each visitor', [fail(110, 120), fail(130, 140)], [excuse({ most: 1 })], [1]],
  ['of two visitors', [fail(110, 120), fail(110, 120, 'oak', 'b')], [excuse({ most: 1 })], []],
  ['by two excuses', [fail(110, 120), fail(130, 140)], [excuse({ most: 1 }), excuse({ most: 1 })], []],
])('%s', (_, failures, excuses, left) => {
  expect(unexcused(failures, excuses)).toEqual(left.map((index) => failures[index]));
});
