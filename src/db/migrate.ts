// Brings the tables of a database to what this program expects: runs the files of `migrations/` that it has not had yet.
// Which it had is kept by number, not by count: one with a smaller number may be added after a larger one was applied.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { backUpBeforeUpgrade } from './backups.js';

interface Migration {
  readonly number: number;
  readonly file: string;
}

/**
 * Applies what is missing in the order of the numbers, each in a transaction of its own, after a copy was put into
 * `backups`. Throws when the database had one that is not in `directory`: it was written by a newer program.
 */
export function migrate(
  sql: Sqlite.Database,
  options: {
    directory: string;
    /** The numbers from the time when `user_version` only counted them, in order. */
    counted: readonly number[];
    backups: string | undefined;
    now: () => number;
  },
): void {
  const known = listMigrations(options.directory);
  const version = sql.pragma('user_version', { simple: true }) as number;
  const applied = readApplied(sql) ?? new Set(options.counted.slice(0, version));
  const missing = known.filter(({ number }) => !applied.has(number));
  const isNewer = [...applied].some((number) => !known.some((one) => one.number === number));
  if (isNewer || version > known.length) {
    throw new Error(
      `the database ${sql.name} was written by a newer version of this program (schema ${version})`,
    );
  }
  if (applied.size > 0 && missing.length > 0 && options.backups !== undefined) {
    backUpBeforeUpgrade(sql, { directory: options.backups, now: options.now() });
  }
  for (const { number, file } of missing) {
    applied.add(number);
    sql.transaction(() => {
      sql.exec(readFileSync(join(options.directory, file), 'utf8'));
      keepApplied(sql, applied);
    })();
  }
}

function listMigrations(directory: string): Migration[] {
  const files = readdirSync(directory).filter((name) => /^\d{3}-.*\.sql$/.test(name));
  const all = files.map((file) => ({ number: Number(file.slice(0, 3)), file }));
  if (new Set(all.map(({ number }) => number)).size < all.length) {
    throw new Error(`two migrations in ${directory} have the same number`);
  }
  return all.sort((a, b) => a.number - b.number);
}

/** By their numbers; undefined for a database in which they were only counted. */
function readApplied(sql: Sqlite.Database): Set<number> | undefined {
  const hasTable = sql.prepare("select 1 from sqlite_schema where name = 'migrations'").get() !== undefined;
  if (!hasTable) return undefined;
  return new Set(sql.prepare('select number from migrations').pluck().all() as number[]);
}

/** All of them each time: the first time writes down those of before, too. Programs of before read `user_version`. */
function keepApplied(sql: Sqlite.Database, applied: ReadonlySet<number>): void {
  sql.exec('create table if not exists migrations (number integer primary key) strict');
  const keep = sql.prepare('insert or ignore into migrations (number) values (?)');
  for (const number of applied) keep.run(number);
  sql.pragma(`user_version = ${applied.size}`);
}
