import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BuildOutput } from '../../../src/build/output.js';

it('ends for who follows it although its last words cannot be written', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'paas-output-'));
  const empty = join(directory, 'empty');
  writeFileSync(empty, '');
  const output = await BuildOutput.open({ path: '/dev/full', onLine: () => undefined });
  output.hide({ API_KEY: 'abcdefgh' });
  // Kept back, as the beginning of what is hidden.
  await output.write('abc');
  const seen: string[] = [];
  const following = (async () => {
    for await (const text of output.follow(empty)) seen.push(text);
  })();
  await expect(output.end()).rejects.toThrow('ENOSPC');
  await following;
  expect(seen).toEqual([]);
  rmSync(directory, { recursive: true });
});
