import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  dropOldBackups,
  findDamage,
  listBackups,
  makeBackup,
  restoreBackup,
} from '../../../src/db/backups.js';
import { openDatabase } from '../../../src/db/database.js';

let directory: string;
const start = Date.parse('2026-01-02T03:04:05Z');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-backups-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function filled(path: string): Sqlite.Database {
  const sql = new Sqlite(path);
  sql.pragma('journal_mode = WAL');
  sql.exec('create table t (x text); insert into t values (hex(zeroblob(20000)));');
  return sql;
}

it('copies an open database whole, keeps the newest, and leaves nothing else', async () => {
  const sql = filled(join(directory, 'db.sqlite'));
  const backups = join(directory, 'backups');
  for (let day = 0; day < 4; day += 1) {
    await makeBackup({ sql, directory: backups, now: start + day * 86_400_000 });
  }
  await dropOldBackups(backups, 2);
  expect(readdirSync(backups).sort()).toEqual([
    'paas-2026-01-04T03-04-05Z.sqlite',
    'paas-2026-01-05T03-04-05Z.sqlite',
  ]);
  const [newest] = listBackups(backups);
  expect(newest?.madeAt).toBe(start + 3 * 86_400_000);
  expect(findDamage(newest?.path ?? '')).toBeUndefined();
  expect(readdirSync(backups)).toHaveLength(2);
  sql.close();
});

it('puts a backup back and moves the damaged file and its journal aside', async () => {
  const path = join(directory, 'db.sqlite');
  const sql = filled(path);
  const backup = await makeBackup({ sql, directory, now: start });
  sql.close();
  writeFileSync(path, 'no database');
  writeFileSync(`${path}-wal`, 'its journal');
  const { movedAside } = restoreBackup({ backup: backup.path, database: path, now: start });
  expect(movedAside.map((it) => it.slice(directory.length + 1))).toEqual([
    'db.sqlite.damaged-2026-01-02T03-04-05',
    'db.sqlite.damaged-2026-01-02T03-04-05-wal',
  ]);
  expect(findDamage(path)).toBeUndefined();
});

it.each([
  ['empty', (path: string) => truncateSync(path), /empty/],
  ['cut off', (path: string) => truncateSync(path, 5000), /malformed|not a database|disk image|Tree|page/i],
  ['text', (path: string) => writeFileSync(path, 'x'.repeat(10_000)), /not a database/],
  ['absent', (path: string) => rmSync(path), /ENOENT/],
])('says of a file that is %s what is wrong, and does not restore it', (_what, damage, text) => {
  const path = join(directory, 'db.sqlite');
  const sql = filled(path);
  sql.pragma('journal_mode = delete');
  sql.close();
  damage(path);
  expect(findDamage(path)).toMatch(text);
  const target = join(directory, 'other.sqlite');
  expect(() => restoreBackup({ backup: path, database: target, now: start })).toThrow(/cannot be used/);
});

it('is made before a new version changes the file, and not at the first start', () => {
  const path = join(directory, 'db.sqlite');
  const backups = directory;
  const options = { path, key: Buffer.alloc(32), now: () => start, backups };
  openDatabase(options).close();
  expect(listBackups(backups)).toEqual([]);
  const sql = new Sqlite(path);
  sql.exec('delete from migrations where number = (select max(number) from migrations)');
  sql.close();
  // The newest migration is there already and fails: what counts is what was there before it.
  expect(() => openDatabase(options)).toThrow();
  const [backup] = listBackups(backups);
  expect(backup?.path).toMatch(/before-upgrade\.sqlite$/);
  expect(findDamage(backup?.path ?? '')).toBeUndefined();
});
