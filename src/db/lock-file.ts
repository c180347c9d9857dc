// A lock that ends with its process, whatever ends that: SQLite's own (fcntl), on a file that stays empty and is never
// removed. docs/decisions/0223-one-daemon-by-a-lock-of-the-kernel.md

import Sqlite from 'better-sqlite3';

/** Two that try at once get out of each other's way in this time. */
const BUSY_MS = 500;

/** Holds the lock until it is disposed of; undefined when another process holds it. Writes nothing, so that a full disk is no matter. */
export function holdLock(path: string): Disposable | undefined {
  const sql = new Sqlite(path, { timeout: BUSY_MS });
  try {
    sql.exec('begin exclusive');
  } catch (error) {
    sql.close();
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => void sql.close() };
}
