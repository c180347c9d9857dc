// Gathers the facts that explain-dyno.ts, explain-release.ts and explain-app.ts turn into words: wishes and incidents
// from the database, what runs from the loop, what the checks saw last.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { LogClient } from '../logs/client.js';
import type { App } from '../platform/apps.js';
import { listBuilds } from '../platform/builds.js';
import { describeProbe } from '../platform/check.js';
import { checksOf } from '../platform/checks.js';
import { listCrashes } from '../platform/dyno-wishes.js';
import { getFormation } from '../platform/formation.js';
import { listIncidents } from '../platform/incidents.js';
import { getWatch } from '../platform/release-watches.js';
import { currentRelease, findRelease, pendingReleases, type Release } from '../platform/releases.js';
import { type Dyno, dynoName } from './dyno.js';
import { explainApp } from './explain-app.js';
import { explainDyno } from './explain-dyno.js';
import { explainRelease } from './explain-release.js';
import { type Explanation, isUnwell } from './explanation.js';
import type { HealthNotes } from './health-notes.js';
import type { OneOffs } from './one-off.js';
import { WEB_PORT } from './routing.js';
import { isOneOffName, whyOneOff } from './why-one-off.js';

export interface Why {
  /** A dyno of the formation (`web.2`), or a one-off one (`run.1234`). Throws `not_found` for a name that is none. */
  dyno(app: App, name: string): Promise<Explanation>;
  /** One release, by `v12`, `12` or id. Throws `not_found`. */
  release(app: App, versionOrId: string): Explanation;
  /** The app, its release that runs (or waits), and each of its dynos. */
  app(app: App): Explanation[];
}

/** Of the formation. */
interface Place {
  readonly type: string;
  readonly number: number;
}

interface WhyDeps {
  readonly db: Database;
  readonly healthNotes: HealthNotes;
  /** The dynos of the formation. */
  readonly listFormation: (app: App) => readonly Dyno[];
  readonly oneOffs: Pick<OneOffs, 'list'>;
  readonly logs: Pick<LogClient, 'read'>;
}

export function createWhy(deps: WhyDeps): Why {
  const { db, listFormation } = deps;

  const dynoOf = (app: App, place: Place, dynos: readonly Dyno[]) =>
    explainPlace(deps, app, { place, dynos });

  function releaseOf(app: App, release: Release): Explanation {
    const dynos = listFormation(app);
    const explained = dynos.map((dyno) => dynoOf(app, dyno, dynos));
    const incidents = listIncidents(db, app.id, { releaseVersion: release.version, limit: 50 });
    const [firstPending] = pendingReleases(db, app.id);
    const running = dynos.filter(
      (dyno) => dyno.state === 'up' && dyno.releaseVersion === release.version,
    ).length;
    return explainRelease({
      app,
      release,
      current: currentRelease(db, app.id),
      incident: incidents[0],
      rolledBack: incidents.find((incident) => incident.kind === 'rolled-back'),
      undoes: getWatch(db, release.id)?.undoes,
      waitsFor: firstPending?.version === release.version ? undefined : firstPending?.version,
      dynos: {
        wanted: dynos.length,
        up: running,
        asleep: explained.filter(({ state }) => state === 'asleep').length,
      },
      unwell: explained.filter(isUnwell),
    });
  }

  return {
    dyno: async (app, name) =>
      isOneOffName(name)
        ? await whyOneOff(deps, app, name)
        : dynoOf(app, readName(app, name), listFormation(app)),
    release: (app, versionOrId) => releaseOf(app, findRelease(db, app, versionOrId)),
    app(app) {
      const current = currentRelease(db, app.id);
      const releases = [...(current === undefined ? [] : [current]), ...pendingReleases(db, app.id)];
      const release = current === undefined ? undefined : releaseOf(app, current);
      const listed = listFormation(app);
      const dynos = listed.map((dyno) => dynoOf(app, dyno, listed));
      const whole = explainApp({
        app,
        release,
        dynos,
        build: listBuilds(db, app.id, { limit: 1 })[0],
        releasedAt: current?.createdAt,
        incident: listIncidents(db, app.id, { limit: 1 })[0],
      });
      return [whole, ...releases.map((one) => releaseOf(app, one)), ...dynos];
    },
  };
}

function explainPlace(
  deps: WhyDeps,
  app: App,
  { place, dynos }: { place: Place; dynos: readonly Dyno[] },
): Explanation {
  const { db } = deps;
  const name = dynoName(place);
  const dyno = dynos.find((candidate) => candidate.name === name);
  const release = currentRelease(db, app.id);
  const releaseVersion = dyno?.releaseVersion ?? release?.version;
  const { startup } = checksOf(db, { app, type: place.type, releaseVersion });
  const crash = listCrashes(db, app.id).find((row) => dynoName(row) === name);
  return explainDyno({
    app,
    name,
    type: place.type,
    dyno,
    quantity: getFormation(db, app.id).find((entry) => entry.type === place.type)?.quantity,
    hasCode: release?.image !== undefined,
    note: dyno?.containerId === undefined ? undefined : deps.healthNotes.get(dyno.containerId),
    startupCheck: startup.checks.map((check) => describeProbe(check.probe, WEB_PORT)).join(', ') || undefined,
    incident: listIncidents(db, app.id, { dyno: name, limit: 1 })[0],
    crashes: crash !== undefined && crash.releaseVersion === releaseVersion ? crash.count : 0,
    nowMs: db.now(),
  });
}

function readName(app: App, name: string): Place {
  const [, type, digits] = /^([A-Za-z0-9_-]{1,63})\.([1-9]\d{0,5})$/.exec(name) ?? [];
  if (type === undefined || type === 'run' || type === 'release') {
    throw new PaasError('not_found', `Couldn't find the dyno ${quoteValue(name)} of ${app.name}.`, {
      hint: `See its dynos with: paas ps -a ${app.name}`,
    });
  }
  return { type, number: Number(digits) };
}
