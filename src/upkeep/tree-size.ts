// How much a directory tree takes on disk. Made for trees that untrusted processes write to while they are read: each
// directory is opened through its parent's descriptor and no link is followed, so that nothing outside is ever read.

import fs, { constants, type Dirent, type Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface TreeSize {
  /** Space on disk, not length. */
  readonly bytes: number;
  readonly entries: number;
  /** False when the tree has more entries than were to be looked at, or is too deep: `bytes` is too low then. */
  readonly isComplete: boolean;
  readonly isTooDeep: boolean;
  /** The directories that hold most (what lies deep counts for the directory at depth 4), biggest first. */
  readonly biggest: readonly { readonly path: string; readonly bytes: number }[];
}

/** Each level keeps a descriptor open, of which the daemon has a limited number. Trees that people make end far above. */
export const MAX_DEPTH = 256;
const SHOWN_DEPTH = 4;
const SHOWN = 3;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** So many entries are read without leaving the thread. */
const QUICK_ENTRIES = 64;

/** What is asked of the file system. */
interface Calls {
  open(path: string, flags: number): Promise<number> | number;
  entriesOf(path: string): Promise<Dirent[]> | Dirent[];
  lstat(path: string): Promise<Stats> | Stats;
  close(file: number): Promise<void> | void;
}

/** For a layer of a few files, which the kernel has in memory: a turn through the thread pool costs ten times the call. */
const quick: Calls = {
  open: (path, flags) => fs.openSync(path, flags),
  entriesOf: (path) => fs.readdirSync(path, { withFileTypes: true }),
  lstat: (path) => fs.lstatSync(path),
  close: (file) => fs.closeSync(file),
};

/** For all that comes after: nothing else has to wait for the disk. */
const patient: Calls = {
  open: promisify(fs.open),
  entriesOf: (path) => readdir(path, { withFileTypes: true }),
  lstat: (path) => lstat(path),
  close: promisify(fs.close),
};

interface Walk {
  bytes: number;
  entries: number;
  left: number;
  isTooDeep: boolean;
  readonly byDirectory: Map<string, number>;
  /** Files with more than one name, by inode: counted once. */
  readonly linked: Set<string>;
}

/** Looks at `maxEntries` at most. Undefined when the directory cannot be read. What vanishes meanwhile is left out. */
export async function measureTree(
  path: string,
  options: { maxEntries: number; signal?: AbortSignal },
): Promise<TreeSize | undefined> {
  const root = await openDirectory(quick, path);
  if (root === undefined) return undefined;
  const walk: Walk = {
    bytes: 0,
    entries: 0,
    left: options.maxEntries,
    isTooDeep: false,
    byDirectory: new Map(),
    linked: new Set(),
  };
  await readDirectory(walk, root, { shown: '/', depth: 0, signal: options.signal });
  const biggest = [...walk.byDirectory]
    .map(([directory, bytes]) => ({ path: directory, bytes }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, SHOWN);
  const { bytes, entries, left, isTooDeep } = walk;
  return { bytes, entries, isComplete: left > 0 && !isTooDeep, isTooDeep, biggest };
}

function callsFor(walk: Walk): Calls {
  return walk.entries < QUICK_ENTRIES ? quick : patient;
}

/** Undefined when there is none (any more). */
async function openDirectory(calls: Calls, path: string): Promise<number | undefined> {
  try {
    return await calls.open(path, DIRECTORY);
  } catch {
    return undefined;
  }
}

/** Closes `directory`. */
async function readDirectory(
  walk: Walk,
  directory: number,
  place: { shown: string; depth: number; signal: AbortSignal | undefined },
): Promise<void> {
  const here = `/proc/self/fd/${directory}`;
  try {
    for (const entry of await listEntries(callsFor(walk), here)) {
      place.signal?.throwIfAborted();
      if (walk.left <= 0) return;
      walk.left -= 1;
      walk.entries += 1;
      await countEntry(walk, entry, { here, ...place });
    }
  } finally {
    await callsFor(walk).close(directory);
  }
}

async function listEntries(calls: Calls, path: string): Promise<Dirent[]> {
  try {
    return await calls.entriesOf(path);
  } catch {
    return [];
  }
}

async function statOf(calls: Calls, path: string): Promise<Stats | undefined> {
  try {
    return await calls.lstat(path);
  } catch {
    return undefined;
  }
}

async function countEntry(
  walk: Walk,
  entry: Dirent,
  place: { here: string; shown: string; depth: number; signal: AbortSignal | undefined },
): Promise<void> {
  const path = `${place.here}/${entry.name}`;
  const stats = await statOf(callsFor(walk), path);
  if (stats === undefined) return;
  const isCounted = stats.nlink === 1 || stats.isDirectory() || !walk.linked.has(`${stats.dev}:${stats.ino}`);
  if (stats.nlink > 1 && !stats.isDirectory()) walk.linked.add(`${stats.dev}:${stats.ino}`);
  const bytes = isCounted ? stats.blocks * 512 : 0;
  walk.bytes += bytes;
  walk.byDirectory.set(place.shown, (walk.byDirectory.get(place.shown) ?? 0) + bytes);
  if (!stats.isDirectory()) return;
  if (place.depth >= MAX_DEPTH) {
    walk.isTooDeep = true;
    return;
  }
  const child = await openDirectory(callsFor(walk), path);
  if (child === undefined) return;
  const shown = place.depth < SHOWN_DEPTH ? join(place.shown, entry.name) : place.shown;
  await readDirectory(walk, child, { shown, depth: place.depth + 1, signal: place.signal });
}
