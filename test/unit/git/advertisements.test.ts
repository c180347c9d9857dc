// What is told of a repository's refs is always what git would tell now.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Advertisement, createAdvertisements } from '../../../src/git/advertisements.js';

let directory: string;
let repository: string;
let asked: Advertisement;
let ask: (asked: Advertisement) => Promise<string>;
const ids: string[] = [];

function git(args: string[], input = ''): string {
  const env = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const identity = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com'];
  const all = [...identity, '--git-dir', repository, ...args];
  return execFileSync('git', all, { encoding: 'utf8', env, input }).trim();
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-advertisements-'));
  repository = join(directory, 'app.git');
  git(['init', '--quiet', '--bare', '--initial-branch=main']);
  const tree = git(['mktree']);
  ids.splice(0, 2, ...['one', 'two'].map((text) => git(['commit-tree', '-m', text, tree])));
  asked = { repository, command: 'receive-pack', env: {} };
  ask = createAdvertisements({ repositories: directory, emptyHome: directory, maxPushBytes: 1e6 });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** `ID NAME` of each ref in it. */
function refsIn(text: string): string[] {
  return [...text.matchAll(/([0-9a-f]{40} refs\/[^\0\n]+)/g)].map((match) => match[1] ?? '');
}

it('when refs come, move, are packed, and go', async () => {
  const [one = '', two = ''] = ids;
  expect(await ask(asked)).toContain('capabilities^{}');
  git(['update-ref', 'refs/heads/main', one]);
  expect(refsIn(await ask(asked))).toEqual([`${one} refs/heads/main`]);
  git(['update-ref', 'refs/heads/main', two]);
  git(['update-ref', 'refs/tags/v/1', one]);
  const both = [`${two} refs/heads/main`, `${one} refs/tags/v/1`];
  expect(refsIn(await ask(asked))).toEqual(both);
  git(['pack-refs', '--all']);
  expect(refsIn(await ask(asked))).toEqual(both);
  git(['update-ref', 'refs/heads/main', one]);
  expect(refsIn(await ask(asked))).toEqual([`${one} refs/heads/main`, both[1]]);
  git(['update-ref', '-d', 'refs/heads/main']);
  expect(refsIn(await ask(asked))).toEqual([both[1]]);
  writeFileSync(join(repository, 'shallow'), `${one}\n`);
  expect(await ask(asked)).toContain(`shallow ${one}`);
});

it('when HEAD names another branch', async () => {
  const [one = ''] = ids;
  for (const name of ['main', 'master']) git(['update-ref', `refs/heads/${name}`, one]);
  const fetch: Advertisement = { ...asked, command: 'upload-pack' };
  expect(await ask(fetch)).toContain('symref=HEAD:refs/heads/main ');
  git(['symbolic-ref', 'HEAD', 'refs/heads/master']);
  expect(await ask(fetch)).toContain('symref=HEAD:refs/heads/master ');
  const version2 = await ask({ ...fetch, env: { GIT_PROTOCOL: 'version=2' } });
  expect(version2).toMatch(/^000eversion 2\n/);
});

it('when many ask at once while refs move, each is told what was true after it asked', async () => {
  const [one = '', two = ''] = ids;
  for (let round = 0; round < 5; round += 1) {
    const id = round % 2 === 0 ? one : two;
    const before = Array.from({ length: 5 }, () => ask(asked));
    git(['update-ref', 'refs/heads/main', id]);
    const after = await Promise.all(Array.from({ length: 5 }, () => ask(asked)));
    expect(after.map(refsIn)).toEqual(after.map(() => [`${id} refs/heads/main`]));
    await Promise.all(before);
  }
});

it('starts git once for many who ask the same', async () => {
  git(['update-ref', 'refs/heads/main', ids[0] ?? '']);
  const first = await Promise.all(Array.from({ length: 10 }, () => ask(asked)));
  // A git that started now would not find it, and say nothing of it.
  rmSync(join(repository, 'objects', ids[0]?.slice(0, 2) ?? ''), { recursive: true });
  expect(new Set([...first, await ask(asked)]).size).toBe(1);
});

it('a repository with very many refs is asked for each time', async () => {
  const lines = Array.from({ length: 60 }, (_, index) => `create refs/tags/v${index} ${ids[0]}\n`);
  git(['update-ref', '--stdin'], lines.join(''));
  expect(refsIn(await ask(asked))).toHaveLength(60);
});

it('fails with what git says when there is no repository', async () => {
  rmSync(join(repository, 'HEAD'));
  await expect(ask(asked)).rejects.toThrow(/not appear to be a git repository|not a git repository/);
});
