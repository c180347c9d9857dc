// Objects of git from one directory into another as hard links: quick, and the bytes are there once. Without waiting between
// the calls: on a disk of its own each takes a tenth of what handing it to another thread does, and git unpacks at most
// 100 objects of a push.

import { linkSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Links all objects and packs of `from` into `to`, on the same file system. What is there already stays: an object's
 * name is its content. Throws when `from` goes away meanwhile.
 */
export function linkObjects(from: string, to: string): void {
  for (const folder of readdirSync(from, { withFileTypes: true })) {
    if (!folder.isDirectory() || !/^(pack|[0-9a-f]{2})$/.test(folder.name)) continue;
    mkdirSync(join(to, folder.name), { recursive: true });
    for (const name of inOrder(readdirSync(join(from, folder.name))))
      linkFile(join(from, folder.name, name), join(to, folder.name, name));
  }
}

/** Without git's own lock and temporary files; a pack's index last, which is what makes git see the pack. */
function inOrder(names: readonly string[]): string[] {
  const isIndex = (name: string) => name.endsWith('.idx');
  return names
    .filter((name) => !name.startsWith('tmp_') && !name.endsWith('.keep'))
    .sort((a, b) => Number(isIndex(a)) - Number(isIndex(b)));
}

function linkFile(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
