import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeOldLocks } from '../../../src/git/old-locks.js';

const now = Date.now();
let repository = '';
const git = (...args: string[]) =>
  execFileSync('git', ['--git-dir', repository, ...args], {
    encoding: 'utf8',
    input: '',
    stdio: 'pipe',
  }).trim();

beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'paas-locks-'));
  git('init', '--quiet', '--bare');
});
afterEach(() => rmSync(repository, { recursive: true }));

function lock(name: string, agedMs: number): string {
  const path = join(repository, name);
  writeFileSync(path, '');
  utimesSync(path, (now - agedMs) / 1000, (now - agedMs) / 1000);
  return path;
}

it.each(['refs/heads/main.lock', 'packed-refs.lock'])('frees what %s kept', (name) => {
  const tree = git('hash-object', '-t', 'tree', '-w', '--stdin');
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@b'];
  const commit = git(...who, 'commit-tree', tree, '-m', 'one');
  const move = () => {
    git('update-ref', 'refs/heads/main', commit);
    git('pack-refs', '--all');
    git('update-ref', '-d', 'refs/heads/main');
  };
  lock(name, 60_000);
  expect(move).toThrow(/Unable to create/);
  removeOldLocks(repository, now);
  move();
});

it('leaves one that a git may hold, and takes one of the future', () => {
  const held = lock('refs/heads/main.lock', 1000);
  const later = lock('HEAD.lock', -3_600_000);
  removeOldLocks(repository, now);
  expect([existsSync(held), existsSync(later)]).toEqual([true, false]);
});

it('is fine without a repository', () => {
  removeOldLocks(join(repository, 'none'), now);
});
