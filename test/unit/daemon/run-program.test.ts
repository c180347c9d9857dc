import { expect, it } from 'vitest';
import { runProgram } from '../../../src/daemon/wire-firewall.js';

it('gives what a program says, and how it ended', async () => {
  const run = runProgram(process.env['PATH']);
  expect(await run(['sh', '-c', 'cat; echo no >&2; exit 3'], 'yes')).toEqual({
    code: 3,
    stdout: 'yes',
    stderr: 'no\n',
  });
});

it('ends a program that does not end, and waits for nothing that it started', async () => {
  const run = runProgram(process.env['PATH'], 200);
  const startedAt = performance.now();
  await expect(run(['sh', '-c', 'sleep 20 & wait'])).rejects.toThrow('it did not end in 0.2 s');
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});
