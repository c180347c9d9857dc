// Objects as git writes them: single files, packs, those that a push holds.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { objectType } from '../../../src/git/object-type.js';

let directory: string;
let repository: string;
const ids = { blob: '', tree: '', commit: '', tag: '' };

function git(args: string[], { input = '', env = {} }: { input?: string; env?: object } = {}): string {
  const none = {
    PATH: process.env['PATH'],
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    ...env,
  };
  const identity = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com'];
  const all = [...identity, '--git-dir', repository, ...args];
  return execFileSync('git', all, { encoding: 'utf8', env: none, input }).trim();
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-objects-'));
  repository = join(directory, 'app.git');
  git(['init', '--quiet', '--bare']);
  ids.blob = git(['hash-object', '-w', '--stdin'], { input: 'a'.repeat(100_000) });
  ids.tree = git(['mktree'], { input: `100644 blob ${ids.blob}\tfile\n` });
  ids.commit = git(['commit-tree', '-m', `long\n\n${'Why it is so. '.repeat(500)}`, ids.tree]);
  ids.tag = git(['mktag'], {
    input: `object ${ids.commit}\ntype commit\ntag v1\ntagger Ann <ann@example.com> 1700000000 +0000\n\none\n`,
  });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Where git is not found, so that only the objects' own files can tell. */
const nowhere = () => ({ repositories: directory, emptyHome: join(directory, 'none'), maxPushBytes: 1e6 });
const place = () => ({ ...nowhere(), emptyHome: directory });
const pathOf = (objects: string, id: string) => join(objects, id.slice(0, 2), id.slice(2));

it('is told by its own file, without a process', async () => {
  for (const [type, id] of Object.entries(ids))
    expect(await objectType(nowhere(), { repository, id, env: {} })).toBe(type);
});

it('is found beside the repository', async () => {
  const held = join(directory, 'held');
  mkdirSync(held);
  const env = {
    GIT_OBJECT_DIRECTORY: held,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: join(repository, 'objects'),
  };
  const id = git(['commit-tree', '-m', 'pushed', ids.tree], { env });
  expect(await objectType(nowhere(), { repository, id, env })).toBe('commit');
  expect(await objectType(place(), { repository, id, env: {} })).toBeUndefined();
});

it('is asked of git when the file is damaged, or in a pack', async () => {
  const { tree } = ids;
  const path = pathOf(join(repository, 'objects'), tree);
  git(['pack-objects', '-q', join(repository, 'objects/pack/pack')], {
    input: Object.values(ids).join('\n'),
  });
  truncateSync(path, 1);
  expect(await objectType(place(), { repository, id: tree, env: {} })).toBe('tree');
  git(['prune-packed', '-q']);
  for (const [type, id] of Object.entries(ids))
    expect(await objectType(place(), { repository, id, env: {} })).toBe(type);
  expect(await objectType(place(), { repository, id: '1'.repeat(40), env: {} })).toBeUndefined();
});
