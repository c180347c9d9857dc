// Opens the database of a data directory: the daemon and the administrator's commands do it in the same way.

import { existsSync, readdirSync } from 'node:fs';
import { type Database, openDatabase } from '../db/database.js';
import type { DataPaths } from './config.js';

/** Throws when the file is damaged, or is missing although the directory was used before. */
export function openOwnDatabase(paths: DataPaths, options: { key: Buffer; now: () => number }): Database {
  return openDatabase({
    path: paths.database,
    ...options,
    mustExist: wasUsed(paths),
    backups: paths.backups,
  });
}

/** Whether there are traces of apps: such an install never starts with an empty database. */
function wasUsed(paths: DataPaths): boolean {
  const holdsSomething = [paths.repositories, paths.builds, paths.backups].some(
    (folder) => readdirSync(folder).length > 0,
  );
  return holdsSomething || existsSync(`${paths.database}-wal`) || existsSync(paths.logDatabase);
}
