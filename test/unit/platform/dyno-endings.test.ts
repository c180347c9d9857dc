import { describe, expect, it } from 'vitest';
import { timeLeftMs } from '../../../src/platform/dyno-endings.js';

describe('timeLeftMs', () => {
  it.each([
    { what: 'it has just begun', since: 1000, limitMs: 30_000, now: 1000, left: 30_000 },
    { what: 'some of it is over', since: 1000, limitMs: 30_000, now: 13_000, left: 18_000 },
    { what: 'it is over', since: 1000, limitMs: 30_000, now: 31_000, left: 0 },
    { what: 'it has long been over', since: 1000, limitMs: 30_000, now: 900_000, left: 0 },
    { what: 'the server started again', since: 900_000, limitMs: 30_000, now: 2000, left: 30_000 },
    { what: 'there is none', since: 1000, limitMs: 0, now: 1000, left: 0 },
  ])('$what: $left ms', ({ since, limitMs, now, left }) => {
    expect(timeLeftMs(since, limitMs, now)).toBe(left);
  });
});
