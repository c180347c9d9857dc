// What kind of object an id names.

import { open } from 'node:fs/promises';
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
    (await looseType(env['GIT_OBJECT_DIRECTORY'], id)) ??
    (await looseType(join(repository, 'objects'), id)) ??
    (await runGit(place, ['--git-dir', repository, 'cat-file', '-t', id], env).then(
      (text) => text.trim(),
      () => undefined,
    ))
  );
}

// Enough of a deflated object for `commit 1234` and a zero byte: its Huffman codes come first.
const HEAD_BYTES = 512;

/** From the object's own file (gitrepository-layout(5)); undefined when there is none, or none that can be read. */
async function looseType(directory: string | undefined, id: string): Promise<string | undefined> {
  if (directory === undefined) return undefined;
  const file = await open(join(directory, id.slice(0, 2), id.slice(2))).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES));
    // The file goes on behind what was read.
    const head = inflateSync(buffer.subarray(0, bytesRead), { finishFlush: constants.Z_SYNC_FLUSH });
    return /^(commit|tag|tree|blob) \d+\0/.exec(head.toString('latin1'))?.[1];
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
