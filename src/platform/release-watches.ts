// How each release did after it was made. One row a release, made with it; the loop fills it in, and automatic rollback
// decides from it, once.

import type { Database } from '../db/database.js';
import type { AppId, ReleaseId } from '../ids.js';

export interface ReleaseWatch {
  readonly releaseId: ReleaseId;
  readonly version: number;
  /** Epoch ms when the loop first saw it as the current one. */
  readonly beganAt: number | undefined;
  /** Epoch ms when all wanted dynos of it were up for the first time. */
  readonly liveAt: number | undefined;
  readonly before: Before;
  readonly traffic: Traffic;
  /** Undefined: being watched. */
  readonly outcome: WatchOutcome | undefined;
  /** Why it was rolled back. */
  readonly reason: string | undefined;
  /** The version whose place an automatic rollback made it take. */
  readonly undoes: number | undefined;
}

/**
 * passed: nothing happened in its window. rolled-back: a newer release took its place. no-target: it failed, and
 * there was nothing to go back to. exempt: made by a rollback, or before releases were watched. off: nobody wanted it.
 */
export type WatchOutcome = 'passed' | 'rolled-back' | 'no-target' | 'exempt' | 'off';

/** Requests that dynos answered, and those of them answered with 5xx. */
export interface Traffic {
  readonly requests: number;
  readonly errors: number;
}

/** What was so already when the release was made, and so is not its fault. */
export interface Before {
  /** The newest release before it that was live. */
  readonly version?: number | undefined;
  readonly traffic: Traffic;
  /** Process types that kept crashing. */
  readonly crashing: readonly string[];
}

const NO_TRAFFIC: Traffic = { requests: 0, errors: 0 };
const NOTHING_BEFORE: Before = { traffic: NO_TRAFFIC, crashing: [] };

/** Makes the row of a new release. `undoes` is given by an automatic rollback. */
export function openWatch(
  db: Database,
  watch: {
    releaseId: ReleaseId;
    appId: AppId;
    version: number;
    isExempt: boolean;
    undoes?: number | undefined;
  },
): void {
  db.write(() =>
    db.sql
      .prepare(
        `insert into release_watches (release_id, app_id, version, outcome, undoes) values (?, ?, ?, ?, ?)
         on conflict (release_id) do nothing`,
      )
      .run(
        watch.releaseId,
        watch.appId,
        watch.version,
        watch.isExempt ? 'exempt' : null,
        watch.undoes ?? null,
      ),
  );
}

export function getWatch(db: Database, releaseId: ReleaseId): ReleaseWatch | undefined {
  const row = db.sql.prepare(`${SELECT} where release_id = ?`).get(releaseId);
  return row === undefined ? undefined : present(row as Row);
}

/** Its row; one that was made before releases were watched gets one, and is not judged. */
export function ensureWatch(
  db: Database,
  { id: releaseId, appId, version }: { id: ReleaseId; appId: AppId; version: number },
): ReleaseWatch {
  const known = getWatch(db, releaseId);
  if (known !== undefined) return known;
  openWatch(db, { releaseId, appId, version, isExempt: true });
  const made = getWatch(db, releaseId);
  if (made === undefined) throw new Error('the watch that was just made is not there');
  return made;
}

/** The watches of an app, newest release first. */
export function listWatches(db: Database, appId: AppId): ReleaseWatch[] {
  const rows = db.sql.prepare(`${SELECT} where app_id = ? order by version desc`).all(appId);
  return (rows as Row[]).map(present);
}

/** The release is the current one from now on. Does nothing when that is known. */
export function beginWatch(db: Database, releaseId: ReleaseId, before: Before): void {
  db.write(() =>
    db.sql
      .prepare(
        'update release_watches set began_at = ?, before = ? where release_id = ? and began_at is null',
      )
      .run(db.now(), JSON.stringify(before), releaseId),
  );
}

/** All wanted dynos of it are up. Does nothing when that is known. */
export function markLive(db: Database, releaseId: ReleaseId): void {
  db.write(() =>
    db.sql
      .prepare('update release_watches set live_at = ? where release_id = ? and live_at is null')
      .run(db.now(), releaseId),
  );
}

/** Ends a watch that has not ended. */
export function endWatch(
  db: Database,
  releaseId: ReleaseId,
  end: { outcome: WatchOutcome; traffic?: Traffic | undefined; reason?: string | undefined },
): void {
  const { requests, errors } = end.traffic ?? NO_TRAFFIC;
  db.write(() =>
    db.sql
      .prepare(
        `update release_watches set outcome = ?, reason = ?, requests = ?, errors = ?
         where release_id = ? and outcome is null`,
      )
      .run(end.outcome, end.reason ?? null, requests, errors, releaseId),
  );
}

const SELECT = `select release_id, version, began_at, live_at, before, requests, errors, outcome, reason, undoes
  from release_watches`;

interface Row {
  readonly release_id: ReleaseId;
  readonly version: number;
  readonly began_at: number | null;
  readonly live_at: number | null;
  readonly before: string | null;
  readonly requests: number;
  readonly errors: number;
  readonly outcome: WatchOutcome | null;
  readonly reason: string | null;
  readonly undoes: number | null;
}

function present(row: Row): ReleaseWatch {
  return {
    releaseId: row.release_id,
    version: row.version,
    beganAt: row.began_at ?? undefined,
    liveAt: row.live_at ?? undefined,
    before: row.before === null ? NOTHING_BEFORE : (JSON.parse(row.before) as Before),
    traffic: { requests: row.requests, errors: row.errors },
    outcome: row.outcome ?? undefined,
    reason: row.reason ?? undefined,
    undoes: row.undoes ?? undefined,
  };
}
