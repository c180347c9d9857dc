// Releases: image + config vars + process types under a number, made once and never changed.
// The one door for every release: deploy, config change, rollback, buildpack change.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type AccountId, type AppId, type BuildId, newId, parseId, type ReleaseId } from '../ids.js';
import type { Account } from './accounts.js';
import type { App } from './apps.js';
import { clearStops } from './dyno-stops.js';
import { endWatch, openWatch, type Traffic } from './release-watches.js';

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
}

/**
 * pending: made, its release phase has not ended. succeeded: it may run. failed: its release phase failed, it never
 * ran. expired: its image is gone.
 */
export type ReleaseStatus = 'pending' | 'succeeded' | 'failed' | 'expired';

/** Release v1 of a new app: no code yet. */
export function createInitialRelease(db: Database, options: { app: App; by: Account }): Release {
  return insertRelease(db, { ...options, description: 'Initial release', config: {}, from: EMPTY });
}

/** A release of a new image with the app's present config vars. Pending when there is a release phase to run. */
export function createDeployRelease(
  db: Database,
  options: {
    app: App;
    by: Account;
    image: string;
    commit?: string | undefined;
    buildId?: BuildId | undefined;
    processTypes: Readonly<Record<string, string>>;
    buildpacks: readonly string[];
    description: string;
  },
): Release {
  return db.write(() =>
    insertRelease(db, {
      app: options.app,
      by: options.by,
      description: options.description,
      config: getLatestConfig(db, options.app.id),
      from: {
        image: options.image,
        commit: options.commit,
        buildId: options.buildId,
        processTypes: options.processTypes,
        stack: options.app.stack,
        buildpacks: options.buildpacks,
      },
    }),
  );
}

/** A release of the present code with other config vars. */
export function createConfigRelease(
  db: Database,
  options: { app: App; by: Account; config: Readonly<Record<string, string>>; description: string },
): Release {
  return db.write(() => {
    const code = codeOf(db, options.app.id);
    return insertRelease(db, { ...options, from: code });
  });
}

/** A release that records a change of settings: code and config vars stay, and the release command does not run. */
export function createSettingsRelease(
  db: Database,
  options: { app: App; by: Account; description: string },
): Release {
  return db.write(() => {
    const { id: appId } = options.app;
    const config = getLatestConfig(db, appId);
    return insertRelease(db, { ...options, config, from: codeOf(db, appId), skipsReleasePhase: true });
  });
}

/** Why the platform itself goes back, and from which release; its watch ends with that. */
export interface AutomaticRollback {
  readonly undoes: Release;
  readonly reason: string;
  readonly traffic: Traffic;
}

/** The way back: a new, higher release with the image, process types and config vars of an older one. Leaves scale alone. */
export function rollback(
  db: Database,
  options: { app: App; by: Pick<Account, 'id'>; to?: Release | undefined; automatic?: AutomaticRollback },
): Release {
  const { automatic } = options;
  return db.write(() => {
    // Read again: what the caller holds may be older than the newest release.
    const to = options.to === undefined ? rollbackTarget(db, options.app) : getRelease(db, options.to.id);
    if (to === undefined || to.appId !== options.app.id) throw releaseNotFound(`v${options.to?.version}`);
    if (to.current) {
      throw new PaasError(
        'invalid_params',
        `v${to.version} is the current release of ${options.app.name} already.`,
      );
    }
    if (to.image === undefined || to.status !== 'succeeded') {
      throw new PaasError('invalid_params', `Cannot roll back to v${to.version}: ${whyNotRunnable(to)}.`, {
        hint: `See the releases with: paas releases -a ${options.app.name}`,
      });
    }
    if (automatic !== undefined) {
      const { reason, traffic, undoes } = automatic;
      endWatch(db, undoes.id, { outcome: 'rolled-back', reason, traffic });
    }
    return insertRelease(db, {
      app: options.app,
      by: options.by,
      description:
        automatic === undefined
          ? `Rollback to v${to.version}`
          : `Automatic rollback to v${to.version}: ${automatic.reason}`,
      config: getReleaseConfig(db, to.id),
      from: to,
      isRollback: true,
      undoes: automatic?.undoes.version,
    });
  });
}

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

/** The config vars of the newest release that has not failed, pending ones included: what the next change builds on. */
export function getLatestConfig(db: Database, appId: AppId): Record<string, string> {
  const id = db.sql
    .prepare("select id from releases where app_id = ? and status <> 'failed' order by version desc limit 1")
    .pluck()
    .get(appId) as ReleaseId | undefined;
  return id === undefined ? {} : getReleaseConfig(db, id);
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

interface Code {
  readonly image: string | undefined;
  readonly commit: string | undefined;
  readonly buildId: BuildId | undefined;
  readonly processTypes: Readonly<Record<string, string>>;
  readonly stack: string;
  readonly buildpacks: readonly string[];
}

const EMPTY: Code = {
  image: undefined,
  commit: undefined,
  buildId: undefined,
  processTypes: {},
  stack: 'paas-13',
  buildpacks: [],
};

interface NewRelease {
  readonly app: App;
  readonly by: Pick<Account, 'id'>;
  readonly description: string;
  readonly config: Readonly<Record<string, string>>;
  readonly from: Code;
  readonly skipsReleasePhase?: boolean;
  /** Whoever goes back knows what runs then: such a release is not rolled back automatically. */
  readonly isRollback?: boolean;
  readonly undoes?: number | undefined;
}

function insertRelease(db: Database, release: NewRelease): Release {
  const { app, from } = release;
  return db.write((announce) => {
    const id = newId<ReleaseId>();
    const now = db.now();
    const hasReleasePhase =
      !release.skipsReleasePhase && from.image !== undefined && from.processTypes['release'] !== undefined;
    db.sql
      .prepare(
        `insert into releases (id, app_id, version, description, image, commit_id, build_id, process_types, config,
           stack, buildpacks, account_id, created_at, status, updated_at)
         values (?, ?, (select coalesce(max(version), 0) + 1 from releases where app_id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        id,
        app.id,
        app.id,
        release.description,
        from.image ?? null,
        from.commit ?? null,
        from.buildId ?? null,
        JSON.stringify(from.processTypes),
        db.seal(JSON.stringify(release.config)),
        from.stack,
        JSON.stringify(from.buildpacks),
        release.by.id,
        now,
        hasReleasePhase ? 'pending' : 'succeeded',
        now,
      );
    clearStops(db, { appId: app.id });
    announce({ kind: 'release-created', appId: app.id });
    const created = getRelease(db, id);
    if (created === undefined) throw new Error('the release that was just made is not there');
    const { isRollback = false, undoes } = release;
    openWatch(db, { releaseId: id, appId: app.id, version: created.version, isExempt: isRollback, undoes });
    return created;
  });
}

function codeOf(db: Database, appId: AppId): Code {
  const newest = db.sql
    .prepare(`${SELECT} where releases.app_id = ? and status <> 'failed' order by version desc limit 1`)
    .get(appId);
  return newest === undefined ? EMPTY : present(newest as ReleaseRow);
}

function rollbackTarget(db: Database, app: App): Release {
  const target = listReleases(db, app.id).filter(isRollbackTarget)[1];
  if (target === undefined) {
    throw new PaasError('invalid_params', `${app.name} has no earlier release to roll back to.`, {
      hint: `See the releases with: paas releases -a ${app.name}`,
    });
  }
  return target;
}

function whyNotRunnable(release: Release): string {
  if (release.image === undefined) return 'it has no code';
  if (release.status === 'expired') return 'its image is gone from the server';
  return release.status === 'failed' ? 'its release command failed' : 'its release command is still running';
}

function releaseNotFound(text: string): PaasError {
  return new PaasError('not_found', `Couldn't find the release ${quoteValue(text)}.`, {
    hint: 'See the releases with: paas releases',
  });
}

const SELECT = `select releases.id, releases.app_id, version, description, status, image, commit_id, build_id,
  process_types, releases.stack, releases.buildpacks, releases.account_id, accounts.email as account_email,
  releases.created_at, releases.updated_at, output,
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
  readonly is_current: number | null;
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
  };
}
