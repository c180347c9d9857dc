// How much a directory tree takes on disk. Made for trees that untrusted processes write to while they are read: each
// directory is opened through its parent's descriptor and no link is followed, so that nothing outside is ever read.

import { constants, type Dirent } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface TreeSize {
  /** Space on disk, not length. */
  readonly bytes: number;
  readonly entries: number;
  /** False when the tree has more entries than were to be looked at: `bytes` is too low then. */
  readonly isComplete: boolean;
  /** The directories that hold most (what lies deep counts for the directory at depth 4), biggest first. */
  readonly biggest: readonly { readonly path: string; readonly bytes: number }[];
}

const SHOWN_DEPTH = 4;
const SHOWN = 3;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

interface Walk {
  bytes: number;
  entries: number;
  left: number;
  readonly byDirectory: Map<string, number>;
  /** Files with more than one name, by inode: counted once. */
  readonly linked: Set<string>;
}

/** Looks at `maxEntries` at most. Undefined when the directory cannot be read. What vanishes meanwhile is left out. */
export async function measureTree(
  path: string,
  options: { maxEntries: number; signal?: AbortSignal },
): Promise<TreeSize | undefined> {
  const root = await open(path, DIRECTORY).catch(() => undefined);
  if (root === undefined) return undefined;
  const walk: Walk = {
    bytes: 0,
    entries: 0,
    left: options.maxEntries,
    byDirectory: new Map(),
    linked: new Set(),
  };
  await readDirectory(walk, root, { shown: '/', depth: 0, signal: options.signal });
  const biggest = [...walk.byDirectory]
    .map(([directory, bytes]) => ({ path: directory, bytes }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, SHOWN);
  return { bytes: walk.bytes, entries: walk.entries, isComplete: walk.left > 0, biggest };
}

async function readDirectory(
  walk: Walk,
  directory: FileHandle,
  place: { shown: string; depth: number; signal: AbortSignal | undefined },
): Promise<void> {
  const here = `/proc/self/fd/${directory.fd}`;
  try {
    const entries: Dirent[] = await readdir(here, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      place.signal?.throwIfAborted();
      if (walk.left <= 0) return;
      walk.left -= 1;
      walk.entries += 1;
      await countEntry(walk, entry, { here, ...place });
    }
  } finally {
    await directory.close();
  }
}

async function countEntry(
  walk: Walk,
  entry: Dirent,
  place: { here: string; shown: string; depth: number; signal: AbortSignal | undefined },
): Promise<void> {
  const path = `${place.here}/${entry.name}`;
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return;
  const isCounted = stats.nlink === 1 || stats.isDirectory() || !walk.linked.has(`${stats.dev}:${stats.ino}`);
  if (stats.nlink > 1 && !stats.isDirectory()) walk.linked.add(`${stats.dev}:${stats.ino}`);
  const bytes = isCounted ? stats.blocks * 512 : 0;
  walk.bytes += bytes;
  walk.byDirectory.set(place.shown, (walk.byDirectory.get(place.shown) ?? 0) + bytes);
  if (!stats.isDirectory()) return;
  const child = await open(path, DIRECTORY).catch(() => undefined);
  if (child === undefined) return;
  const shown = place.depth < SHOWN_DEPTH ? join(place.shown, entry.name) : place.shown;
  await readDirectory(walk, child, { shown, depth: place.depth + 1, signal: place.signal });
}
