// Builds: one record per push, upload or image, whatever became of it. The output itself is a file of the build room.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type AppId, type BuildId, newId, parseId, type ReleaseId } from '../ids.js';
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
  readonly accountId: string;
  /** Why it failed or was canceled, for people. */
  readonly error: string | undefined;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** queued: waits its turn. pending: runs. The others are final. */
export type BuildStatus = 'queued' | 'pending' | 'succeeded' | 'failed' | 'canceled';

/** Records a build that waits its turn. */
export function createBuild(
  db: Database,
  options: { app: App; by: Account; sourceKind: Build['sourceKind']; commit?: string | undefined },
): Build {
  return db.write((announce) => {
    const id = newId<BuildId>();
    db.sql
      .prepare(
        `insert into builds (id, app_id, status, source_kind, commit_id, account_id, created_at) values (?, ?, 'queued', ?, ?, ?, ?)`,
      )
      .run(id, options.app.id, options.sourceKind, options.commit ?? null, options.by.id, db.now());
    announce({ kind: 'build-changed', appId: options.app.id });
    return findBuild(db, options.app, id);
  });
}

/** Marks a queued build as running. */
export function startBuild(db: Database, id: BuildId): void {
  db.write((announce) => {
    const appId = db.sql
      .prepare("update builds set status = 'pending', started_at = ? where id = ? returning app_id")
      .pluck()
      .get(db.now(), id) as AppId | undefined;
    if (appId !== undefined) announce({ kind: 'build-changed', appId });
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
  },
): void {
  db.write((announce) => {
    const appId = db.sql
      .prepare(
        'update builds set status = ?, error = ?, release_id = ?, finished_at = ? where id = ? returning app_id',
      )
      .pluck()
      .get(options.status, options.error ?? null, options.releaseId ?? null, db.now(), options.id) as
      | AppId
      | undefined;
    if (appId !== undefined) announce({ kind: 'build-changed', appId });
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

/** Builds that have not ended, over all apps: after a restart of the daemon nobody works on them any more. */
export function listUnfinishedBuilds(db: Database): Build[] {
  const rows = db.sql
    .prepare(`${SELECT} where builds.status in ('queued', 'pending') order by builds.created_at`)
    .all();
  return (rows as BuildRow[]).map(present);
}

const SELECT = `select builds.id, builds.app_id, builds.status, source_kind, builds.commit_id, builds.account_id, release_id,
  releases.version as release_version, accounts.email as account_email, error, builds.created_at, started_at, finished_at
  from builds join accounts on accounts.id = builds.account_id left join releases on releases.id = builds.release_id`;

interface BuildRow {
  readonly id: BuildId;
  readonly app_id: AppId;
  readonly status: BuildStatus;
  readonly source_kind: Build['sourceKind'];
  readonly commit_id: string | null;
  readonly account_id: string;
  readonly release_id: ReleaseId | null;
  readonly release_version: number | null;
  readonly account_email: string;
  readonly error: string | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
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
  };
}
