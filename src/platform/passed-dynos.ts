// Containers of dynos that came up: a row from just before one counts as up until it is removed, so that the next daemon
// knows which of those that run have passed their startup checks, and which still boot.
// docs/decisions/0161-what-came-up-is-kept.md

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';

/** Does nothing when that is known, or when the app is no more. */
export function markPassed(db: Database, container: { containerId: string; appId: AppId }): void {
  db.write(() =>
    db.sql
      .prepare(
        `insert into passed_dynos (container_id, app_id)
         select ?, id from apps where id = ? on conflict (container_id) do nothing`,
      )
      .run(container.containerId, container.appId),
  );
}

/** Also true for one that was made (`createdAt`, epoch ms) before such was kept. */
export function hasPassed(db: Database, container: { containerId: string; createdAt: number }): boolean {
  return (
    db.sql
      .prepare(
        `select exists (select 1 from passed_dynos where container_id = ?)
           or ? < (select at from passed_dynos_since)`,
      )
      .pluck()
      .get(container.containerId, container.createdAt) === 1
  );
}

/** Forgets those of containers that are no more. */
export function keepPassed(db: Database, isThere: (containerId: string) => boolean): void {
  const kept = db.sql.prepare('select container_id from passed_dynos').pluck().all() as string[];
  const gone = kept.filter((containerId) => !isThere(containerId));
  if (gone.length === 0) return;
  db.write(() => {
    const forget = db.sql.prepare('delete from passed_dynos where container_id = ?');
    for (const containerId of gone) forget.run(containerId);
  });
}
