// Router lines that HAProxy could not write, kept for a day: the daemon may start again meanwhile.

import type { Database } from '../db/database.js';

const KEPT_MS = 24 * 3600 * 1000;

/** Keeps that so many were dropped by now. */
export function recordDroppedRouterLines(db: Database, lines: number): void {
  const now = db.now();
  db.write(() => {
    db.sql.prepare('delete from dropped_router_lines where at < ?').run(now - KEPT_MS);
    db.sql.prepare('insert into dropped_router_lines (at, lines) values (?, ?)').run(now, lines);
  });
}

/** How many in the last day. */
export function countDroppedRouterLines(db: Database): number {
  const row = db.sql
    .prepare('select coalesce(sum(lines), 0) as lines from dropped_router_lines where at >= ?')
    .get(db.now() - KEPT_MS) as { lines: number };
  return row.lines;
}
