// Containers that are being stopped: a row from the moment that the stop of one begins until it is removed, so that the
// next daemon goes on with what this one began. Times are ms since the server started: the wall clock may be set,
// and no container outlives its server.
// docs/decisions/0130-an-ending-is-kept.md

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';

export interface DynoEnding {
  readonly containerId: string;
  /** The reason that the plan gave. */
  readonly why: string;
  /** From when on it gets no new request; undefined: the router has not been told, or its drain is not waited for. */
  readonly drainedFrom: number | undefined;
  /** Undefined: it has not got SIGTERM yet. */
  readonly terminatedAt: number | undefined;
}

export function getEnding(db: Database, containerId: string): DynoEnding | undefined {
  const row = db.sql
    .prepare('select container_id, why, drained_from, terminated_at from dyno_endings where container_id = ?')
    .get(containerId) as Row | undefined;
  if (row === undefined) return undefined;
  return {
    containerId: row.container_id,
    why: row.why,
    drainedFrom: row.drained_from ?? undefined,
    terminatedAt: row.terminated_at ?? undefined,
  };
}

/** Does nothing when it has begun, or when the app is no more. */
export function beginEnding(db: Database, ending: { containerId: string; appId: AppId; why: string }): void {
  db.write(() =>
    db.sql
      .prepare(
        `insert into dyno_endings (container_id, app_id, why)
         select ?, id, ? from apps where id = ? on conflict (container_id) do nothing`,
      )
      .run(ending.containerId, ending.why, ending.appId),
  );
}

/** It gets no new request from now on. Does nothing when that is known. */
export function markDrained(db: Database, containerId: string, drainedFrom: number): void {
  db.write(() =>
    db.sql
      .prepare('update dyno_endings set drained_from = ? where container_id = ? and drained_from is null')
      .run(drainedFrom, containerId),
  );
}

/** It gets SIGTERM now. Does nothing when it has got it. */
export function markTerminated(db: Database, containerId: string, terminatedAt: number): void {
  db.write(() =>
    db.sql
      .prepare('update dyno_endings set terminated_at = ? where container_id = ? and terminated_at is null')
      .run(terminatedAt, containerId),
  );
}

/** The container is gone. */
export function forgetEnding(db: Database, containerId: string): void {
  db.write(() => db.sql.prepare('delete from dyno_endings where container_id = ?').run(containerId));
}

/** Forgets those of containers that are no more. */
export function keepEndings(db: Database, present: ReadonlySet<string>): void {
  const kept = db.sql.prepare('select container_id from dyno_endings').all() as Pick<Row, 'container_id'>[];
  for (const { container_id } of kept) if (!present.has(container_id)) forgetEnding(db, container_id);
}

/** What is left of a time that began at `since`; one that begins in the future begins now. Pure. */
export function timeLeftMs(since: number, limitMs: number, now: number): number {
  return Math.max(0, limitMs - Math.max(0, now - since));
}

interface Row {
  readonly container_id: string;
  readonly why: string;
  readonly drained_from: number | null;
  readonly terminated_at: number | null;
}
