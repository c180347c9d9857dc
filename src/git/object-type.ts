// What kind of object an id names.

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { constants, inflateSync } from 'node:zlib';
import { type GitPlace, runGit } from './repository.js';

interface NamedObject {
  readonly repository: string;
  readonly id: string;
  /** `GIT_*` by which git finds objects that are not in the repository yet. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * `commit`, `tag`, `tree` or `blob`; undefined for an unknown object. Small pushes bring single files, which tell it
 * without a process; a pack is left to git.
 */
export async function objectType(place: GitPlace, object: NamedObject): Promise<string | undefined> {
  const { repository, id, env } = object;
  return (
    looseType(env['GIT_OBJECT_DIRECTORY'], id) ??
    looseType(join(repository, 'objects'), id) ??
    (await runGit(place, ['--git-dir', repository, 'cat-file', '-t', id], env).then(
      (text) => text.trim(),
      () => undefined,
    ))
  );
}

// Enough of a deflated object for `commit 1234` and a zero byte: its Huffman codes come first.
const HEAD_BYTES = 512;

/** From the object's own file (gitrepository-layout(5)); undefined when there is none, or none that can be read. */
function looseType(directory: string | undefined, id: string): string | undefined {
  if (directory === undefined) return undefined;
  try {
    // The file goes on behind what is read.
    const start = readStart(join(directory, id.slice(0, 2), id.slice(2)));
    const head = inflateSync(start, { finishFlush: constants.Z_SYNC_FLUSH });
    return /^(commit|tag|tree|blob) \d+\0/.exec(head.toString('latin1'))?.[1];
  } catch {
    return undefined;
  }
}

function readStart(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(HEAD_BYTES);
    return bytes.subarray(0, readSync(file, bytes, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(file);
  }
}
