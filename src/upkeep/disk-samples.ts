// The free space that was seen, kept for two weeks.

import type { Database } from '../db/database.js';
import type { DiskSample } from './disk-forecast.js';
import type { FileSystem } from './disk-space.js';

const KEPT_MS = 14 * 24 * 3600 * 1000;

/** Keeps how much is free now. */
export function recordSamples(db: Database, systems: readonly FileSystem[]): void {
  const now = db.now();
  db.write(() => {
    const insert = db.sql.prepare(
      'insert or replace into disk_samples (holds, at, free_bytes) values (?, ?, ?)',
    );
    for (const { holds, freeBytes } of systems) insert.run(holds, now, freeBytes);
    db.sql.prepare('delete from disk_samples where at < ?').run(now - KEPT_MS);
  });
}

/** Oldest first. */
export function listSamples(db: Database, holds: FileSystem['holds']): DiskSample[] {
  return db.sql
    .prepare('select at, free_bytes as freeBytes from disk_samples where holds = ? order by at')
    .all(holds) as DiskSample[];
}
