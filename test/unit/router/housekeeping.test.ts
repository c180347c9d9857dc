import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DroppedLines, keepCounts, recallCounts } from '../../../src/router/housekeeping.js';

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

test('lines that were dropped while nobody looked are news to who knows the counts of before', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'paas-dropped-'));
  try {
    const path = join(directory, 'dropped-lines.json');
    expect(await recallCounts(directory)).toBeUndefined();
    const startedAt = Date.now() - 1000;
    await keepCounts(directory, new Map([[10, 500]]));
    const kept = await recallCounts(directory);
    expect(kept?.at).toBeGreaterThan(startedAt);
    const dropped = new DroppedLines();
    dropped.begin(kept?.counts);
    const looks = new Map([
      [10, 507],
      [11, 2],
    ]);
    expect(dropped.look(looks)).toBe(9);
    for (const spoilt of ['', '{}', '[[1', 'null']) {
      writeFileSync(path, spoilt);
      expect(await recallCounts(directory)).toBeUndefined();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
