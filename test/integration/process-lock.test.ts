import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';

const PROGRAM = resolve(import.meta.dirname, '../support/take-place.mjs');
const ROUNDS = 2;
const RIVALS = 5;

/** What each of some processes got that all try at once to take the place of one that has died. */
async function rivalsAt(directory: string): Promise<string[]> {
  writeFileSync(join(directory, 'place.pid'), '4194304\n');
  const rivals = Array.from({ length: RIVALS }, () => {
    const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const said = () => Promise.all(rivals.map(async ({ lines }) => String((await lines.next()).value)));
  await said();
  for (const { child } of rivals) child.stdin.write('go\n');
  const outcomes = await said();
  await Promise.all(rivals.map(({ child }) => endOf(child)));
  return outcomes;
}

async function endOf(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.stdin?.end();
  await exit;
}

it('gives the place of a daemon that has died to one of those who start at the same time', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'paas-place-'));
  for (let round = 0; round < ROUNDS; round += 1) {
    const outcomes = await rivalsAt(directory);
    expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(1);
    const refused = outcomes.filter((outcome) =>
      /^refused: another process \(pid .*\) serves /.test(outcome),
    );
    expect(refused).toHaveLength(RIVALS - 1);
  }
  rmSync(directory, { recursive: true });
});
