import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../../src/db/migrate.js';

let directory: string;
let sql: Sqlite.Database;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-migrate-'));
  sql = new Sqlite(join(directory, 'db.sqlite'));
});
afterEach(() => {
  sql.close();
  rmSync(directory, { recursive: true });
});

/** A program with these migrations; each makes a table of its number. */
function run(...numbers: number[]): void {
  const migrations = join(directory, 'migrations');
  rmSync(migrations, { recursive: true, force: true });
  mkdirSync(migrations);
  for (const number of numbers) {
    const name = String(number).padStart(3, '0');
    writeFileSync(join(migrations, `${name}-one.sql`), `create table t${number} (x)`);
  }
  migrate(sql, { directory: migrations, counted: [1, 3, 4], backups: undefined, now: () => 0 });
}

const tables = () =>
  sql.prepare("select name from sqlite_schema where name glob 't[0-9]*' order by rowid").pluck().all();

it('applies one whose number is smaller than what was applied before', () => {
  run(1, 3);
  run(1, 2, 3, 5);
  run(1, 2, 3, 4, 5);
  expect(tables()).toEqual(['t1', 't3', 't2', 't5', 't4']);
  expect(sql.pragma('user_version', { simple: true })).toBe(5);
});

it('goes on with a database whose migrations were only counted', () => {
  run(1, 3);
  sql.exec('drop table migrations');
  run(1, 2, 3, 4);
  expect(tables()).toEqual(['t1', 't3', 't2', 't4']);
});

it('refuses what a newer program has written', () => {
  run(1, 2);
  expect(() => run(1)).toThrow('newer version');
  expect(() => run(1, 3)).toThrow('newer version');
  sql.exec('drop table migrations');
  expect(() => run(1)).toThrow('newer version');
});
