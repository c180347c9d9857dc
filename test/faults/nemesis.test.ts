// A short run of test/nemesis with a fixed seed; by itself it does long ones.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

it('the invariants hold whenever a minute of random operations under random faults comes to rest', async () => {
  const program = resolve(import.meta.dirname, '../nemesis');
  const nemesis = spawn(program, ['--seed', '1', '--minutes', '1', '--no-build'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 280_000,
  });
  const [told, [code]] = await Promise.all([text(nemesis.stdout), once(nemesis, 'exit')]);
  const lines = told.trimEnd().split('\n');
  process.stderr.write(`${code === 0 ? lines.at(-1) : told}\n`);
  expect(code).toBe(0);
});
