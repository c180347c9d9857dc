// Refs as git writes them, read without git.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRef } from '../../../src/git/repository.js';

let repository: string;
const ids: string[] = [];

function git(...args: string[]): string {
  const env = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const identity = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com'];
  const all = [...identity, '--git-dir', repository, ...args];
  return execFileSync('git', all, { encoding: 'utf8', env, input: '' }).trim();
}

beforeAll(() => {
  repository = mkdtempSync(join(tmpdir(), 'paas-refs-'));
  git('init', '--quiet', '--bare');
  const tree = git('mktree');
  ids.push(git('commit-tree', '-m', 'one', tree), git('commit-tree', '-m', 'two', tree));
});
afterAll(() => rmSync(repository, { recursive: true, force: true }));

it('that are absent, loose, packed, packed and then moved, deleted', () => {
  const [one = '', two = ''] = ids;
  const main = () => readRef(repository, 'refs/heads/main');
  expect(main()).toBeUndefined();
  git('update-ref', 'refs/heads/main', one);
  git('update-ref', 'refs/heads/not/refs/heads/main', two);
  expect(main()).toBe(one);
  git('pack-refs', '--all');
  expect(main()).toBe(one);
  expect(readRef(repository, 'refs/heads/not')).toBeUndefined();
  expect(readRef(repository, 'refs/heads')).toBeUndefined();
  expect(readRef(repository, 'refs/heads/main/more')).toBeUndefined();
  git('update-ref', 'refs/heads/main', two);
  expect(main()).toBe(two);
  git('update-ref', '-d', 'refs/heads/main');
  expect(main()).toBeUndefined();
});
