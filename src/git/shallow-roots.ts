// Pushes from shallow clones: commits whose parents nobody sent. Git refuses a repository with such commits unless its
// file `shallow` names them (gitrepository-layout(5)).

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '../ids.js';
import { type GitPlace, runGit } from './repository.js';

/** Whether commits of its history are missing that no branch or tag of the repository leads to. */
export async function isShallow(
  place: GitPlace,
  push: { repository: string; commit: string; objectEnv: Readonly<Record<string, string>> },
): Promise<boolean> {
  const args = ['--git-dir', push.repository, 'rev-list', '--quiet', push.commit, '--not', '--all'];
  return await runGit(place, args, push.objectEnv).then(
    () => false,
    () => true,
  );
}

/** Names the commits in `held` that have parents which are not there, so that history ends with them. */
export async function addShallowRoots(
  place: GitPlace,
  push: { repository: string; commit: string; held: string },
): Promise<void> {
  const { repository, commit, held } = push;
  const git = (args: string[], options: { env?: Record<string, string>; input?: string } = {}) =>
    runGit(place, ['--git-dir', repository, ...args], options.env, options.input);
  if (!(await isShallow(place, { repository, commit, objectEnv: {} }))) return;
  const all = await git(['cat-file', '--batch-all-objects', '--batch-check=%(objecttype) %(objectname)'], {
    env: { GIT_OBJECT_DIRECTORY: held },
  });
  const commits = matches(all, /^commit ([0-9a-f]+)$/gm);
  const parents = await git(['rev-list', '--no-walk=unsorted', '--parents', '--stdin'], {
    input: lines(commits),
  });
  const rows = parents.split('\n').map((row) => row.split(' '));
  const known = await git(['cat-file', '--batch-check'], {
    input: lines(rows.flatMap((row) => row.slice(1))),
  });
  const missing = new Set(matches(known, /^([0-9a-f]+) missing$/gm));
  const roots = rows.flatMap(([id, ...of]) => (id && of.some((parent) => missing.has(parent)) ? [id] : []));
  await appendRoots(join(repository, 'shallow'), roots);
}

async function appendRoots(path: string, roots: readonly string[]): Promise<void> {
  const present = await readFile(path, 'utf8').catch(() => '');
  const all = new Set([...present.split('\n').filter((line) => line !== ''), ...roots]);
  const fresh = `${path}.${newId()}`;
  await writeFile(fresh, lines([...all]));
  await rename(fresh, path);
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
