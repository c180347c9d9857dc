// Releases: image + config vars + process types under a number, made once and never changed. How they are read, and how
// their release phase ended; make-release.ts makes them.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type AccountId, type AppId, type BuildId, parseId, type ReleaseId } from '../ids.js';
import type { App } from './apps.js';

export interface Release {
  readonly id: ReleaseId;
  readonly appId: AppId;
  /** 1, 2, 3 … without a gap, per app. */
  readonly version: number;
  readonly description: string;
  readonly status: ReleaseStatus;
  /** Digest of the image; undefined before the first deploy. */
  readonly image: string | undefined;
  readonly commit: string | undefined;
  readonly buildId: BuildId | undefined;
  /** Process type -> command; an empty command is the image's own. */
  readonly processTypes: Readonly<Record<string, string>>;
  readonly stack: string;
  readonly buildpacks: readonly string[];
  readonly accountId: AccountId;
  readonly accountEmail: string;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Whether this is the one that runs: the newest that succeeded. */
  readonly current: boolean;
  /** What the release phase printed. */
  readonly output: string | undefined;
  /** Version of the release whose code and config vars it took while that one was pending: it fails with that one. */
  readonly builtOn: number | undefined;
  /** Version of the release that an automatic rollback put in its place. */
  readonly undoneBy: number | undefined;
}

/**
 * pending: made, its release phase has not ended. succeeded: it may run. failed: its release phase failed, it never
 * ran. expired: its image is gone.
 */
export type ReleaseStatus = 'pending' | 'succeeded' | 'failed' | 'expired';

/** Releases of an app, newest first. */
export function listReleases(db: Database, appId: AppId, options: { limit?: number } = {}): Release[] {
  const rows = db.sql
    .prepare(`${SELECT} where releases.app_id = ? order by version desc limit ?`)
    .all(appId, options.limit ?? -1);
  return (rows as ReleaseRow[]).map(present);
}

/** One release of the app by `3`, `v3` or id. Throws `not_found`, also for another app's. */
export function findRelease(db: Database, app: App, versionOrId: string): Release {
  const version = /^v?([1-9]\d{0,8})$/.exec(versionOrId)?.[1];
  const row = version
    ? db.sql.prepare(`${SELECT} where releases.app_id = ? and version = ?`).get(app.id, Number(version))
    : parseId(versionOrId) &&
      db.sql.prepare(`${SELECT} where releases.app_id = ? and releases.id = ?`).get(app.id, versionOrId);
  if (row === undefined) throw releaseNotFound(versionOrId);
  return present(row as ReleaseRow);
}

/** Id of the release with this version; undefined when there is none. */
export function releaseIdOf(db: Database, options: { appId: AppId; version: number }): ReleaseId | undefined {
  return db.sql
    .prepare('select id from releases where app_id = ? and version = ?')
    .pluck()
    .get(options.appId, options.version) as ReleaseId | undefined;
}

export function getRelease(db: Database, id: ReleaseId): Release | undefined {
  const row = db.sql.prepare(`${SELECT} where releases.id = ?`).get(id);
  return row === undefined ? undefined : present(row as ReleaseRow);
}

/** The release that should run: the newest that succeeded. Undefined for an unknown app. */
export function currentRelease(db: Database, appId: AppId): Release | undefined {
  const row = db.sql
    .prepare(`${SELECT} where releases.app_id = ? and status = 'succeeded' order by version desc limit 1`)
    .get(appId);
  return row === undefined ? undefined : present(row as ReleaseRow);
}

/** Releases whose release phase has not ended, oldest first. */
export function pendingReleases(db: Database, appId: AppId): Release[] {
  const rows = db.sql
    .prepare(`${SELECT} where releases.app_id = ? and status = 'pending' order by version`)
    .all(appId);
  return (rows as ReleaseRow[]).map(present);
}

/** The config vars that a release runs with. */
export function getReleaseConfig(db: Database, id: ReleaseId): Record<string, string> {
  const sealed = db.sql.prepare('select config from releases where id = ?').pluck().get(id) as
    | Buffer
    | undefined;
  return sealed === undefined ? {} : (JSON.parse(db.unseal(sealed)) as Record<string, string>);
}

/** As `getReleaseConfig`, by the release's number; none for an unknown one. */
export function configOfVersion(db: Database, appId: AppId, version: number): Record<string, string> {
  const id = releaseIdOf(db, { appId, version });
  return id === undefined ? {} : getReleaseConfig(db, id);
}

/** The newest release that has not failed, pending ones included: what the next change builds on. */
export function latestRelease(db: Database, appId: AppId): Release | undefined {
  const row = db.sql
    .prepare(`${SELECT} where releases.app_id = ? and status <> 'failed' order by version desc limit 1`)
    .get(appId);
  return row === undefined ? undefined : present(row as ReleaseRow);
}

/** The config vars of `latestRelease`. */
export function getLatestConfig(db: Database, appId: AppId): Record<string, string> {
  const latest = latestRelease(db, appId);
  return latest === undefined ? {} : getReleaseConfig(db, latest.id);
}

/** Records how the release phase ended. Fine to call twice with the same status. */
export function setReleaseStatus(
  db: Database,
  options: { releaseId: ReleaseId; status: ReleaseStatus; output?: string | undefined },
): void {
  db.write((announce) => {
    const release = getRelease(db, options.releaseId);
    if (release === undefined) return;
    db.sql
      .prepare('update releases set status = ?, output = coalesce(?, output), updated_at = ? where id = ?')
      .run(options.status, options.output ?? null, db.now(), options.releaseId);
    announce({ kind: 'release-changed', appId: release.appId });
  });
}

/** Whether `rollback` can go to it. */
export function isRollbackTarget(release: Release): boolean {
  return release.status === 'succeeded' && release.image !== undefined;
}

/** The error for a release that the app does not have; `text` is what the user called it. */
export function releaseNotFound(text: string): PaasError {
  return new PaasError('not_found', `Couldn't find the release ${quoteValue(text)}.`, {
    hint: 'See the releases with: paas releases',
  });
}

const SELECT = `select releases.id, releases.app_id, version, description, status, image, commit_id, build_id,
  process_types, releases.stack, releases.buildpacks, releases.account_id, accounts.email as account_email,
  releases.created_at, releases.updated_at, output, built_on,
  (select back.version from release_watches as watch join releases as back on back.id = watch.release_id
    where watch.app_id = releases.app_id and watch.undoes = releases.version and back.status <> 'failed') as undone_by,
  version = (select max(version) from releases as newer where newer.app_id = releases.app_id and newer.status = 'succeeded') as is_current
  from releases join accounts on accounts.id = releases.account_id`;

interface ReleaseRow {
  readonly id: ReleaseId;
  readonly app_id: AppId;
  readonly version: number;
  readonly description: string;
  readonly status: ReleaseStatus;
  readonly image: string | null;
  readonly commit_id: string | null;
  readonly build_id: BuildId | null;
  readonly process_types: string;
  readonly stack: string;
  readonly buildpacks: string;
  readonly account_id: AccountId;
  readonly account_email: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly output: string | null;
  readonly built_on: number | null;
  readonly is_current: number | null;
  readonly undone_by: number | null;
}

function present(row: ReleaseRow): Release {
  return {
    id: row.id,
    appId: row.app_id,
    version: row.version,
    description: row.description,
    status: row.status,
    image: row.image ?? undefined,
    commit: row.commit_id ?? undefined,
    buildId: row.build_id ?? undefined,
    processTypes: JSON.parse(row.process_types) as Record<string, string>,
    stack: row.stack,
    buildpacks: JSON.parse(row.buildpacks) as string[],
    accountId: row.account_id,
    accountEmail: row.account_email,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    current: row.is_current === 1,
    output: row.output ?? undefined,
    builtOn: row.built_on ?? undefined,
    undoneBy: row.undone_by ?? undefined,
  };
}
