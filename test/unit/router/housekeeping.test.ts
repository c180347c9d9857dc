import { expect, test } from 'vitest';
import { DroppedLines } from '../../../src/router/housekeeping.js';

test('lines that were dropped before the first look are old news; those of new workers are not', () => {
  const dropped = new DroppedLines();
  const looks = [
    [[10, 500]],
    [[10, 500]],
    [[10, 507]],
    [
      [10, 508],
      [11, 2],
    ],
    [[11, 2]],
    [[11, 3]],
  ] as [number, number][][];
  expect(looks.map((counts) => dropped.look(new Map(counts)))).toEqual([0, 0, 7, 3, 0, 1]);
  expect(dropped.total).toBe(11);
});

test('lines that were dropped since the begin are news at the first look', () => {
  const dropped = new DroppedLines();
  dropped.begin();
  expect(dropped.look(new Map([[10, 500]]))).toBe(500);
});
