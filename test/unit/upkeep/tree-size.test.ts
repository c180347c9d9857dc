import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MAX_DEPTH, measureTree } from '../../../src/upkeep/tree-size.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'paas-tree-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function nest(levels: number): void {
  const directory = join(root, ...Array.from({ length: levels }, () => 'd'));
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'file'), Buffer.alloc(8192));
}

it('counts what lies as deep as people nest', async () => {
  nest(MAX_DEPTH);
  const size = await measureTree(root, { maxEntries: 10_000 });
  expect(size).toMatchObject({ isComplete: true, isTooDeep: false, entries: MAX_DEPTH + 1 });
  expect(size?.bytes).toBeGreaterThanOrEqual(8192);
});

it('does not follow a tree that would take all descriptors', async () => {
  nest(MAX_DEPTH + 300);
  const size = await measureTree(root, { maxEntries: 10_000 });
  expect(size).toMatchObject({ isComplete: false, isTooDeep: true, entries: MAX_DEPTH + 1 });
});
