// A directory as a tar.gz stream: what .gitignore and .slugignore leave, never .git. Links stay links; sockets, pipes
// and devices are left out.

import type { Dirent, Stats } from 'node:fs';
import { lstat, open, readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import ignore, { type Ignore } from 'ignore';
import tar, { type Pack } from 'tar-stream';
import { CliError, errorCode } from './cli-error.js';

/** The patterns of one ignore file, which count below its directory. */
interface IgnoreLevel {
  readonly base: string;
  readonly patterns: Ignore;
}

/** Packs a directory while it is read. `onSkipped` gets what cannot be packed. Errors destroy the stream. */
export function packDirectory(directory: string, onSkipped: (path: string) => void): Readable {
  const pack = tar.pack();
  const gzip = createGzip({ level: 6 });
  pack.pipe(gzip);
  pack.on('error', (error) => gzip.destroy(error));
  gzip.on('close', () => pack.destroy());
  packAll(pack, directory, onSkipped).then(
    () => pack.finalize(),
    (error: Error) => gzip.destroy(error),
  );
  return gzip;
}

/** True when the ignore files leave `path` out; the deepest file that says something decides, as in git. */
function isIgnored(levels: readonly IgnoreLevel[], path: string, isDirectory: boolean): boolean {
  for (const { base, patterns } of levels.toReversed()) {
    const name = relative(base, path).split(sep).join('/');
    const verdict = patterns.test(isDirectory ? `${name}/` : name);
    if (verdict.ignored) return true;
    if (verdict.unignored) return false;
  }
  return false;
}

async function packAll(pack: Pack, root: string, onSkipped: (path: string) => void): Promise<void> {
  const slug = await readPatterns(join(root, '.slugignore'));
  const slugLevels = slug === undefined ? [] : [{ base: root, patterns: slug }];
  const walk = async (directory: string, levels: readonly IgnoreLevel[]): Promise<void> => {
    const own = await readPatterns(join(directory, '.gitignore'));
    const here = own === undefined ? levels : [...levels, { base: directory, patterns: own }];
    const entries = await readdir(directory, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name);
      if (entry.name === '.git' || isIgnored(slugLevels, path, entry.isDirectory())) continue;
      if (isIgnored(here, path, entry.isDirectory())) continue;
      await packEntry(pack, { root, path, entry, onSkipped });
      if (entry.isDirectory()) await walk(path, here);
    }
  };
  await walk(root, await levelsAbove(root));
}

async function packEntry(
  pack: Pack,
  found: { root: string; path: string; entry: Dirent; onSkipped: (path: string) => void },
): Promise<void> {
  const { root, path, entry } = found;
  const name = relative(root, path).split(sep).join('/');
  if (entry.isFile()) return await packFile(pack, path, name);
  const stats = await lstat(path);
  if (entry.isDirectory()) pack.entry({ ...header(name, stats), type: 'directory' });
  else if (entry.isSymbolicLink()) {
    pack.entry({ ...header(name, stats), type: 'symlink', linkname: await readlink(path) });
  } else found.onSkipped(name);
}

async function packFile(pack: Pack, path: string, name: string): Promise<void> {
  await using file = await open(path);
  const stats = await file.stat();
  const entry = pack.entry({ ...header(name, stats), type: 'file', size: stats.size });
  if (stats.size === 0) {
    entry.end(undefined);
    return;
  }
  try {
    // What is appended meanwhile stays out: the header has promised a size.
    await pipeline(file.createReadStream({ end: stats.size - 1, autoClose: false }), entry);
  } catch (error) {
    throw new CliError(`${name} could not be packed: ${error instanceof Error ? error.message : error}`, {
      hint: 'Was it changed while it was packed?',
      cause: error,
    });
  }
}

function header(name: string, stats: Stats) {
  return { name, mode: stats.mode & 0o777, mtime: stats.mtime, uid: 0, gid: 0 };
}

/** The .gitignore files between the top of the git work tree and `root`, outermost first. */
async function levelsAbove(root: string): Promise<IgnoreLevel[]> {
  const levels: IgnoreLevel[] = [];
  for (let directory = root; ; directory = dirname(directory)) {
    if (directory !== root) {
      const patterns = await readPatterns(join(directory, '.gitignore'));
      if (patterns !== undefined) levels.unshift({ base: directory, patterns });
    }
    if (await exists(join(directory, '.git'))) return levels;
    // Not in a git work tree: what lies above has no say.
    if (dirname(directory) === directory) return [];
  }
}

async function readPatterns(path: string): Promise<Ignore | undefined> {
  try {
    return ignore().add(await readFile(path, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
