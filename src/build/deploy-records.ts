// What a deploy writes into the database at its end.

import type { Database } from '../db/database.js';
import type { Account } from '../platform/accounts.js';
import type { App } from '../platform/apps.js';
import { type Build, finishBuild, getBuild } from '../platform/builds.js';
import { keepDeclaredChecks } from '../platform/checks.js';
import { recordIncident } from '../platform/incidents.js';
import { createDeployRelease } from '../platform/make-release.js';
import type { Release } from '../platform/releases.js';
import type { Built } from './build.js';
import { describeSource } from './deploy-texts.js';
import type { Source } from './source.js';

/** In one transaction: a release without its build's success would be built again after a crash. */
export function recordRelease(
  db: Database,
  made: { build: Build; app: App; by: Account; source: Source; built: Built },
): Release {
  const { build, app, by, source, built } = made;
  return db.write(() => {
    keepDeclaredChecks(db, { appId: app.id, buildId: build.id, checks: built.checks });
    const release = createDeployRelease(db, {
      app,
      by,
      image: built.image,
      commit: source.kind === 'git' ? source.commit : undefined,
      buildId: build.id,
      processTypes: built.processTypes,
      buildpacks: built.buildpacks,
      description: build.description ?? describeSource(source, build.id),
    });
    const { buildpacks } = built;
    finishBuild(db, { id: build.id, status: 'succeeded', releaseId: release.id, buildpacks });
    return release;
  });
}

/** Once released, a build stays a success; the builds of a destroyed app are gone with it. */
export function recordFailure(
  db: Database,
  end: { build: Build; status: 'canceled' | 'failed'; message: string },
): void {
  const { id, appId } = end.build;
  const { status, message } = end;
  const found = getBuild(db, id);
  if (found === undefined || found.finishedAt !== undefined) return;
  db.write(() => {
    finishBuild(db, { id, status, error: message });
    if (status === 'failed')
      recordIncident(db, { appId, kind: 'build-failed', message, evidence: { build: id } });
  });
}
