// git writes a ref, its packed refs or its configuration with a lock file beside it, for some ms. After a loss of power,
// or a git that was killed, the lock stays, and no push can move that ref any more (gitrepository-layout(5)).

import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** No git of ours holds one for so long. */
const OLD_MS = 10_000;
const FILES = ['HEAD.lock', 'config.lock', 'packed-refs.lock', 'shallow.lock'];

/** Removes the locks of a bare repository that nobody holds. Fine when there is none. `now`: epoch ms. */
export function removeOldLocks(repository: string, now: number): void {
  const refs = join(repository, 'refs');
  const names = existsSync(refs) ? readdirSync(refs, { recursive: true, encoding: 'utf8' }) : [];
  const locks = [
    ...FILES,
    ...names.filter((name) => name.endsWith('.lock')).map((name) => join('refs', name)),
  ];
  for (const path of locks.map((lock) => join(repository, lock))) {
    // One of the future was made before a clock was set back: it is old, too.
    const age = Math.abs(now - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now));
    if (age > OLD_MS) rmSync(path, { force: true });
  }
}
