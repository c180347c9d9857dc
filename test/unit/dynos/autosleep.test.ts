import { describe, expect, test } from 'vitest';
import { describeDuration, idleSince } from '../../../src/dynos/autosleep.js';

const facts = {
  knownSince: 100,
  lastRequestAt: undefined,
  busyAt: undefined,
  updatedAt: 50,
  upSince: [60, 70],
};

describe('idleSince', () => {
  test.each([
    ['what is known begins', {}, 100],
    ['the last request ended', { lastRequestAt: 500 }, 500],
    ['a connection was open', { lastRequestAt: 500, busyAt: 900 }, 900],
    ['the setting changed', { updatedAt: 700 }, 700],
    ['the youngest dyno came up', { upSince: [60, 800] }, 800],
    ['never: a dyno has no life yet', { upSince: [60, undefined] }, Number.POSITIVE_INFINITY],
  ])('counts from when %s', (_what, changes, expected) => {
    expect(idleSince({ ...facts, ...changes })).toBe(expected);
  });
});

test.each([
  [1000, '1 second'],
  [90_000, '90 seconds'],
  [60_000, '1 minute'],
  [1_800_000, '30 minutes'],
  [7_200_000, '2 hours'],
])('describes %d ms', (ms, text) => expect(describeDuration(ms)).toBe(text));
