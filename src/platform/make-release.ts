// The one door for every new release: deploy, change of config vars or settings, rollback. A release gets the next number
// and is never changed afterwards; the loop runs it.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import { type AppId, type BuildId, newId, type ReleaseId } from '../ids.js';
import type { Account } from './accounts.js';
import type { App } from './apps.js';
import { clearStops } from './dyno-stops.js';
import { endWatch, openWatch, type Traffic } from './release-watches.js';
import {
  currentRelease,
  getLatestConfig,
  getRelease,
  getReleaseConfig,
  isRollbackTarget,
  latestRelease,
  listReleases,
  type Release,
  releaseNotFound,
} from './releases.js';

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

/** A release of the newest code with other config vars; pending when that code has a release command. */
export function createConfigRelease(
  db: Database,
  options: {
    app: App;
    by: Pick<Account, 'id'>;
    config: Readonly<Record<string, string>>;
    description: string;
  },
): Release {
  return db.write(() => insertRelease(db, { ...options, ...newestCode(db, options.app.id) }));
}

/**
 * A release that records a change of settings: code and config vars stay, and the release command does not run, unless
 * that of the newest code has not succeeded yet.
 */
export function createSettingsRelease(
  db: Database,
  options: { app: App; by: Account; description: string },
): Release {
  return db.write(() => {
    const { id: appId } = options.app;
    const config = getLatestConfig(db, appId);
    const code = newestCode(db, appId);
    const skipsReleasePhase = code.builtOn === undefined;
    return insertRelease(db, { ...options, ...code, config, skipsReleasePhase });
  });
}

/** Why the platform itself goes back, and from which release; its watch ends with that. */
export interface AutomaticRollback {
  readonly undoes: Release;
  readonly reason: string;
  readonly traffic: Traffic;
}

/**
 * The way back: a new, higher release with the image, process types and config vars of an older one, by default the
 * newest that ran before the current one. Leaves scale alone. An automatic one does not run the release command.
 */
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
      // It ran when the target was made; were it to fail now, the release that does worse would go on.
      skipsReleasePhase: automatic !== undefined,
      isRollback: true,
      undoes: automatic?.undoes.version,
    });
  });
}

/** What a release runs. */
type Code = Pick<Release, 'image' | 'commit' | 'buildId' | 'processTypes' | 'stack' | 'buildpacks'>;

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
  /** Version of the pending release that `from` is. */
  readonly builtOn?: number | undefined;
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
           stack, buildpacks, account_id, created_at, status, updated_at, built_on)
         values (?, ?, (select coalesce(max(version), 0) + 1 from releases where app_id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
        release.builtOn ?? null,
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

function newestCode(db: Database, appId: AppId): Pick<NewRelease, 'from' | 'builtOn'> {
  const latest = latestRelease(db, appId);
  return { from: latest ?? EMPTY, builtOn: latest?.status === 'pending' ? latest.version : undefined };
}

function rollbackTarget(db: Database, app: App): Release {
  const current = currentRelease(db, app.id)?.version ?? 0;
  const target = listReleases(db, app.id).find(
    (release) => release.version < current && isRollbackTarget(release) && release.undoneBy === undefined,
  );
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
