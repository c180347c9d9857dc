// The directories that builds unpack their sources into: `build-…` below the temporary directory of the install.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** At start, before any build: removes what a daemon that ended in the middle of builds left there. */
export async function removeWorkDirectories(temporary: string): Promise<void> {
  for (const name of await readdir(temporary)) {
    if (name.startsWith('build-')) await rm(join(temporary, name), { recursive: true, force: true });
  }
}
