// Builds: one record per push, upload or image, whatever became of it. The output itself is a file of the build room.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type AccountId, type AppId, type BuildId, newId, parseId, type ReleaseId } from '../ids.js';
import type { Account } from './accounts.js';
import type { App } from './apps.js';

export interface Build {
  readonly id: BuildId;
  readonly appId: AppId;
  readonly status: BuildStatus;
  readonly sourceKind: 'git' | 'archive' | 'image';
  readonly commit: string | undefined;
  readonly releaseId: ReleaseId | undefined;
  readonly releaseVersion: number | undefined;
  readonly accountEmail: string;
  readonly accountId: AccountId;
  /** What to build, as the build room wrote it. */
  readonly source: string | undefined;
  /** Of the release to be. */
  readonly description: string | undefined;
  /** How often it was begun. */
  readonly attempts: number;
  readonly buildpacks: readonly string[];
  /** 1 is the next of all that wait; undefined for one that does not. */
  readonly position: number | undefined;
  /** Why it failed or was canceled, for people. */
  readonly error: string | undefined;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** queued: waits its turn. pending: runs. The others are final. */
export type BuildStatus = 'queued' | 'pending' | 'succeeded' | 'failed' | 'canceled';

/** Records a build that waits its turn, with what it takes to do it. */
export function createBuild(
  db: Database,
  options: {
    id?: BuildId | undefined;
    app: App;
    by: Account;
    sourceKind: Build['sourceKind'];
    commit?: string | undefined;
    source?: string | undefined;
    description?: string | undefined;
  },
): Build {
  const { app, by, id = newId<BuildId>() } = options;
  return db.write((announce) => {
    db.sql
      .prepare(
        `insert into builds (id, app_id, status, source_kind, commit_id, source, description, buildpacks, account_id, created_at)
         values (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        id,
        app.id,
        options.sourceKind,
        options.commit ?? null,
        options.source ?? null,
        options.description ?? null,
        JSON.stringify(app.buildpacks),
        by.id,
        db.now(),
      );
    announce({ kind: 'build-changed', appId: app.id });
    return findBuild(db, app, id);
  });
}

/** Marks a queued build as running. */
export function startBuild(db: Database, id: BuildId): void {
  changeBuild(db, id, {
    set: "status = 'pending', attempts = attempts + 1, started_at = ?",
    values: [db.now()],
  });
}

/** Puts a build that ran back into the queue, at its old place. One that was ended in order is as if never begun. */
export function requeueBuild(db: Database, id: BuildId, options: { wasEndedInOrder: boolean }): void {
  changeBuild(db, id, {
    set: `status = 'queued', started_at = null, attempts = ${options.wasEndedInOrder ? 'max(attempts - 1, 0)' : 'attempts'}`,
    values: [],
  });
}

/** Records how a build ended. */
export function finishBuild(
  db: Database,
  options: {
    id: BuildId;
    status: 'succeeded' | 'failed' | 'canceled';
    error?: string;
    releaseId?: ReleaseId;
    /** What built it. */
    buildpacks?: readonly string[];
  },
): void {
  const { error = null, releaseId = null, buildpacks } = options;
  changeBuild(db, options.id, {
    set: 'status = ?, error = ?, release_id = ?, buildpacks = coalesce(?, buildpacks), finished_at = ?',
    values: [
      options.status,
      error,
      releaseId,
      buildpacks === undefined ? null : JSON.stringify(buildpacks),
      db.now(),
    ],
  });
}

/** Builds of an app, newest first. */
export function listBuilds(db: Database, appId: AppId, options: { limit?: number } = {}): Build[] {
  const rows = db.sql
    .prepare(`${SELECT} where builds.app_id = ? order by builds.created_at desc, builds.rowid desc limit ?`)
    .all(appId, options.limit ?? -1);
  return (rows as BuildRow[]).map(present);
}

/** One build of the app. Throws `not_found`, also for another app's. */
export function findBuild(db: Database, app: App, id: string): Build {
  const row =
    parseId(id) && db.sql.prepare(`${SELECT} where builds.app_id = ? and builds.id = ?`).get(app.id, id);
  if (row === undefined) {
    throw new PaasError('not_found', `Couldn't find the build ${quoteValue(id)}.`, {
      hint: `See the builds with: paas builds -a ${app.name}`,
    });
  }
  return present(row as BuildRow);
}

/** The build of that id, of whatever app. */
export function getBuild(db: Database, id: string): Build | undefined {
  const row = db.sql.prepare(`${SELECT} where builds.id = ?`).get(id);
  return row === undefined ? undefined : present(row as BuildRow);
}

/** Builds that have not ended, over all apps, in the order in which they were asked for. */
export function listUnfinishedBuilds(db: Database): Build[] {
  const rows = db.sql
    .prepare(`${SELECT} where builds.status in ('queued', 'pending') order by builds.rowid`)
    .all();
  return (rows as BuildRow[]).map(present);
}

function changeBuild(
  db: Database,
  id: BuildId,
  change: { set: string; values: readonly (string | number | null)[] },
): void {
  db.write((announce) => {
    const appId = db.sql
      .prepare(`update builds set ${change.set} where id = ? returning app_id`)
      .pluck()
      .get(...change.values, id) as AppId | undefined;
    if (appId !== undefined) announce({ kind: 'build-changed', appId });
  });
}

const SELECT = `select builds.id, builds.app_id, builds.status, source_kind, builds.commit_id, builds.account_id, release_id,
  releases.version as release_version, accounts.email as account_email, error, builds.created_at, started_at, finished_at,
  source, builds.description, attempts, builds.buildpacks,
  case when builds.status = 'queued' then (
    select count(*) from builds as ahead where ahead.status = 'queued' and ahead.rowid <= builds.rowid) end as position
  from builds join accounts on accounts.id = builds.account_id left join releases on releases.id = builds.release_id`;

interface BuildRow {
  readonly id: BuildId;
  readonly app_id: AppId;
  readonly status: BuildStatus;
  readonly source_kind: Build['sourceKind'];
  readonly commit_id: string | null;
  readonly account_id: AccountId;
  readonly release_id: ReleaseId | null;
  readonly release_version: number | null;
  readonly account_email: string;
  readonly error: string | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly source: string | null;
  readonly description: string | null;
  readonly attempts: number;
  readonly buildpacks: string;
  readonly position: number | null;
}

function present(row: BuildRow): Build {
  return {
    id: row.id,
    appId: row.app_id,
    status: row.status,
    sourceKind: row.source_kind,
    commit: row.commit_id ?? undefined,
    releaseId: row.release_id ?? undefined,
    releaseVersion: row.release_version ?? undefined,
    accountEmail: row.account_email,
    accountId: row.account_id,
    error: row.error ?? undefined,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    source: row.source ?? undefined,
    description: row.description ?? undefined,
    attempts: row.attempts,
    buildpacks: JSON.parse(row.buildpacks) as string[],
    position: row.position ?? undefined,
  };
}
