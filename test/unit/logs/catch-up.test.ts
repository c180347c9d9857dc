import { describe, expect, test } from 'vitest';
import { type EngineLine, findResume, findSeam, fingerprint } from '../../../src/logs/catch-up.js';

const second = 1_000_000;
const file = (...texts: string[]): EngineLine[] =>
  texts.map((text, index) => ({ text, timeUs: (index + 1) * second }));
const progress = (count: number, lastUs: number, ...texts: string[]) => ({
  count,
  lastUs,
  recent: texts.map(fingerprint),
});

describe('where new lines begin', () => {
  test.each([
    ['nothing was read', file('a', 'b'), progress(0, 0), false, { kind: 'found', index: 0 }],
    [
      'after the last known line',
      file('a', 'b', 'c'),
      progress(2, 2 * second, 'a', 'b'),
      false,
      { kind: 'found', index: 2 },
    ],
    ['all known', file('a', 'b'), progress(2, 2 * second, 'a', 'b'), false, { kind: 'found', index: 2 }],
    [
      'the beginning is out of sight',
      file('b', 'c'),
      progress(2, second, 'a', 'b'),
      false,
      { kind: 'found', index: 1 },
    ],
    [
      'the file was rotated',
      file('x', 'y'),
      progress(2, second, 'a', 'b'),
      false,
      { kind: 'lost', index: 1 },
    ],
    [
      'a repetitive app, by time',
      file('tick', 'tick', 'tick', 'tick'),
      progress(3, 3 * second, 'tick'),
      false,
      { kind: 'ambiguous', index: 3 },
    ],
    [
      'a repetitive app, by count',
      file('tick', 'tick', 'tick', 'tick'),
      progress(2, 3 * second, 'tick', 'tick'),
      true,
      { kind: 'found', index: 2 },
    ],
  ] as const)('%s', (_, lines, known, isWhole, expected) => {
    expect(findResume(lines, known, isWhole)).toEqual(expected);
  });
});

describe('where live output joins', () => {
  test.each([
    ['no live line', file('a'), [], undefined],
    ['a whole line', file('a', 'b', 'c'), ['b', 'c', 'd'], 1],
    ['the end of a line', file('one two', 'three'), ['two', 'three', 'four'], 0],
    ['not yet in the file', file('a', 'b'), ['c'], undefined],
    ['what follows decides', file('a', 'b', 'a', 'c'), ['a', 'c'], 2],
  ])('%s', (_, lines, live, index) => {
    const read = live.map((text, offset) => ({ text, timeUs: (3 + offset) * second }));
    expect(findSeam(lines, read)?.index).toBe(index);
  });

  describe('of identical lines', () => {
    const ticks = Array.from({ length: 100 }, (_, index) => ({ text: 'tick', timeUs: index * 20_000 }));
    const read = (from: number, delays: readonly number[]) =>
      delays.map((delay, offset) => ({ text: 'tick', timeUs: (from + offset) * 20_000 + delay }));
    test.each([
      ['each at once', read(40, [300, 200, 400]), { index: 40, isSure: true }],
      ['the first ones late', read(40, [55_000, 35_000, 15_000, 300]), { index: 40, isSure: true }],
      ['one by more than its stamp', read(40, [-500]), { index: 40, isSure: true }],
      ['all late', read(40, [12_000, 14_000, 11_000]), { index: 40, isSure: false }],
    ])('%s', (_, live, seam) => {
      expect(findSeam(ticks, live)).toMatchObject(seam);
    });

    test('whole lines come before ends of others', () => {
      const lines = file('1', '2', '3', 'end 3');
      const both = ['3', 'end 3'].map((text) => ({ text, timeUs: 4 * second + 300 }));
      expect(findSeam(lines, both)).toEqual({ index: 2, isOnly: false, isSure: true });
      expect(findSeam(file('1', '{}', 'x {}'), [{ text: '}', timeUs: 3 * second + 300 }])).toMatchObject({
        index: 2,
      });
    });

    test('that come faster than they are stamped', () => {
      const fast = Array.from({ length: 100 }, (_, index) => ({ text: 'tick', timeUs: index * 200 }));
      expect(findSeam(fast, [{ text: 'tick', timeUs: 40 * 200 + 300 }])?.isSure).toBe(false);
    });
  });
});
