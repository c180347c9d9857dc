// .slugignore and .dockerignore: which files of a source stay out. Pure.

import { relative } from 'node:path';
import dockerIgnore, { type Ignore } from '@balena/dockerignore';
import ignore from 'ignore';

// The package is CommonJS whose function is the module itself and its `default`.
const createDockerIgnore = dockerIgnore as unknown as () => Ignore;

/** Tells for an absolute path below `directory` whether .slugignore names it. Patterns as in .gitignore, without `!`. */
export function slugIgnore(directory: string, text: string | undefined): (path: string) => boolean {
  const lines = (text ?? '').split(/\r?\n/).filter((line) => !line.startsWith('!'));
  const rules = ignore().add(lines);
  return (path) => {
    const name = relative(directory, path);
    // A pattern such as `docs/` matches a directory only; here it is not known which kind a path is.
    return name !== '' && (rules.ignores(name) || rules.ignores(`${name}/`));
  };
}

/** The same for .dockerignore, whose patterns are Docker's. The Dockerfile itself always goes along. */
export function contextIgnore(directory: string, text: string | undefined): (path: string) => boolean {
  const rules = createDockerIgnore().add((text ?? '').split(/\r?\n/));
  const hasExceptions = /^\s*!/m.test(text ?? '');
  return (path) => {
    const name = relative(directory, path);
    if (name === '' || name === 'Dockerfile' || name === '.dockerignore') return false;
    if (!rules.ignores(name)) return false;
    // An ignored directory is not descended into, so one with an exception below has to be kept.
    return !(hasExceptions && isAboveException(name, text ?? ''));
  };
}

function isAboveException(name: string, text: string): boolean {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim().replace(/^!\.?\/?/, '!'))
    .some((line) => line.startsWith(`!${name}/`) || (line.startsWith('!') && line.includes('*')));
}
