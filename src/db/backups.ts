// Copies of the database beside it: made while it is in use, checked, and put back by hand when the file is damaged.

import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

export interface Backup {
  readonly path: string;
  readonly bytes: number;
  /** Epoch ms. */
  readonly madeAt: number;
}

const NAME = /^paas-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)Z(?:-before-upgrade)?\.sqlite$/;

/** The name of a backup that is made now. */
function backupName(now: number, options: { beforeUpgrade: boolean }): string {
  const time = new Date(now).toISOString().slice(0, 19).replaceAll(':', '-');
  return `paas-${time}Z${options.beforeUpgrade ? '-before-upgrade' : ''}.sqlite`;
}

/** Backups in a directory, newest first. */
export function listBackups(directory: string): Backup[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .flatMap((name): Backup[] => {
      const time = NAME.exec(name)?.[1];
      if (time === undefined) return [];
      const madeAt = Date.parse(`${time.slice(0, 10)}T${time.slice(11).replaceAll('-', ':')}Z`);
      const path = join(directory, name);
      return [{ path, bytes: statSync(path, { throwIfNoEntry: false })?.size ?? 0, madeAt }];
    })
    .sort((a, b) => b.madeAt - a.madeAt);
}

/** Copies the open database and checks the copy. Writers go on meanwhile; nothing is left of a copy that failed. */
export async function makeBackup(options: {
  sql: Sqlite.Database;
  directory: string;
  now: number;
}): Promise<Backup> {
  const { sql, directory, now } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, backupName(now, { beforeUpgrade: false }));
  const partial = `${path}.partial`;
  try {
    await rm(partial, { force: true });
    await sql.backup(partial);
    // Else whoever reads it would leave a journal beside it.
    const copy = new Sqlite(partial);
    copy.pragma('journal_mode = delete');
    copy.close();
    await chmod(partial, 0o600);
    const reason = findDamage(partial);
    if (reason !== undefined) throw new Error(`the backup ${path} is damaged: ${reason}`);
    await using file = await open(partial, 'r+');
    await file.sync();
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  return { path, bytes: statSync(path).size, madeAt: now };
}

/** Copies the open database at once, before it is changed for good. */
export function backUpBeforeUpgrade(sql: Sqlite.Database, options: { directory: string; now: number }): void {
  const path = join(options.directory, backupName(options.now, { beforeUpgrade: true }));
  rmSync(path, { force: true });
  sql.prepare('vacuum into ?').run(path);
}

/** Removes all but the newest `count`. */
export async function dropOldBackups(directory: string, count: number): Promise<void> {
  for (const { path } of listBackups(directory).slice(count)) await rm(path, { force: true });
}

/** What is wrong with a database file; undefined when it is whole. Does not change it. */
export function findDamage(path: string): string | undefined {
  let sql: Sqlite.Database | undefined;
  try {
    if (statSync(path).size === 0) return 'it is empty';
    sql = new Sqlite(path, { readonly: true, fileMustExist: true });
    const [row] = sql.pragma('integrity_check(1)') as { integrity_check: string }[];
    if (row?.integrity_check !== 'ok') return String(row?.integrity_check).replace(/\s+/g, ' ');
    const broken = sql.pragma('foreign_key_check') as unknown[];
    return broken.length === 0 ? undefined : `${broken.length} rows refer to rows that are not there`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    sql?.close();
  }
}

/**
 * Puts a backup in the place of the database, which nobody may have open. The damaged file and its journal are moved
 * aside, to `<database>.damaged-<time>…`. Throws when the backup is damaged itself.
 */
export function restoreBackup(options: { backup: string; database: string; now: number }): {
  movedAside: string[];
} {
  const { backup, database } = options;
  const reason = findDamage(backup);
  if (reason !== undefined) throw new Error(`the backup ${backup} cannot be used: ${reason}`);
  const copy = `${database}.restored`;
  rmSync(copy, { force: true });
  const source = new Sqlite(backup, { readonly: true });
  try {
    source.prepare('vacuum into ?').run(copy);
  } finally {
    source.close();
  }
  const suffix = `damaged-${new Date(options.now).toISOString().slice(0, 19).replaceAll(':', '-')}`;
  const movedAside: string[] = [];
  for (const tail of ['', '-wal', '-shm']) {
    if (!existsSync(database + tail)) continue;
    const aside = `${database}.${suffix}${tail}`;
    renameSync(database + tail, aside);
    movedAside.push(aside);
  }
  renameSync(copy, database);
  return { movedAside };
}
