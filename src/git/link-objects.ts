// Objects of git from one directory into another as hard links: quick, and the bytes are there once.

import { link, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Links all objects and packs of `from` into `to`, on the same file system. What is there already stays: an object's
 * name is its content. Throws when `from` goes away meanwhile.
 */
export async function linkObjects(from: string, to: string): Promise<void> {
  for (const folder of await readdir(from, { withFileTypes: true })) {
    if (!folder.isDirectory() || !/^(pack|[0-9a-f]{2})$/.test(folder.name)) continue;
    await mkdir(join(to, folder.name), { recursive: true });
    for (const name of inOrder(await readdir(join(from, folder.name))))
      await linkFile(join(from, folder.name, name), join(to, folder.name, name));
  }
}

/** Without git's own lock and temporary files; a pack's index last, which is what makes git see the pack. */
function inOrder(names: readonly string[]): string[] {
  const isIndex = (name: string) => name.endsWith('.idx');
  return names
    .filter((name) => !name.startsWith('tmp_') && !name.endsWith('.keep'))
    .sort((a, b) => Number(isIndex(a)) - Number(isIndex(b)));
}

async function linkFile(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
