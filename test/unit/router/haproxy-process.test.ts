// What is said of processes when the daemon has no descriptor left to look at them.

import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { findHaproxy, isHaproxy } from '../../../src/router/haproxy-process.js';

const LIMIT = 512;
let before = '';
const held: number[] = [];

/** The soft limit of open files of this very process. */
function setLimit(limit: string): void {
  execFileSync('prlimit', [`--pid=${process.pid}`, `--nofile=${limit}:`]);
}

function takeAllDescriptors(): void {
  const args = [`--pid=${process.pid}`, '--nofile', '--noheadings', '--output=SOFT'];
  before = execFileSync('prlimit', args, { encoding: 'utf8' }).trim();
  setLimit(String(LIMIT));
  try {
    for (;;) held.push(openSync('/dev/null', 'r'));
  } catch (error) {
    expect(error).toMatchObject({ code: 'EMFILE' });
  }
}

afterEach(() => {
  for (const file of held.splice(0)) closeSync(file);
  setLimit(before);
});

it('does not take a process for dead that it could not look at', async () => {
  takeAllDescriptors();
  await expect(isHaproxy(process.pid, '/x')).rejects.toMatchObject({ code: 'EMFILE' });
  await expect(findHaproxy('/x')).rejects.toMatchObject({ code: 'EMFILE' });
});

it('says that one is none, or has ended', async () => {
  takeAllDescriptors();
  for (const file of held.splice(0)) closeSync(file);
  expect(await isHaproxy(process.pid, '/x')).toBe(false);
  expect(await isHaproxy(2 ** 22 + 1, '/x')).toBe(false);
});
