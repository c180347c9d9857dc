// Watches each new release for a while, and goes back to the one before it when it does worse: once, by the same door
// as users do. judge-release.ts decides; what is known is kept in the database, so that a restart forgets nothing.
// docs/decisions/0218-the-way-back-is-beside-the-loop.md

import { setTimeout as sleep } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import type { Database } from '../db/database.js';
import type { Engine } from '../engine/engine.js';
import { hasImage } from '../engine/has-image.js';
import type { AppId } from '../ids.js';
import type { Logger } from '../log.js';
import { type App, getApp } from '../platform/apps.js';
import { rollBackAutomatically } from '../platform/automatic-rollback.js';
import { getDynoSettings } from '../platform/dyno-settings.js';
import { listCrashes } from '../platform/dyno-wishes.js';
import { listIncidents, recordIncident } from '../platform/incidents.js';
import {
  type Before,
  beginWatch,
  endWatch,
  ensureWatch,
  getWatch,
  listWatches,
  markLive,
  type ReleaseWatch,
} from '../platform/release-watches.js';
import {
  currentRelease,
  listReleases,
  pendingReleases,
  type Release,
  setReleaseStatus,
} from '../platform/releases.js';
import type { Router } from '../router/router.js';
import { type DynoContainer, dynoName, serverName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import { judgeRelease, MIN_REQUESTS, rollbackTargets } from './judge-release.js';
import { type AppState, isLive } from './plan.js';
import { createTrafficMeter, type TrafficMeter } from './traffic-meter.js';

export interface ReleaseWatcher {
  /**
   * Looks at the current release of an app, and acts; call it in each pass of the loop, with the signal that ends the loop.
   * Never throws. The way back asks the engine for images: that goes on beside the pass.
   */
  review(app: App, state: AppState, signal: AbortSignal): void;
  /** Resolves when no way back of the app is under way, whatever came of it; at once when none is. */
  whenWentBack(appId: AppId, signal: AbortSignal): Promise<void>;
  /** Follows the router's counts until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface ReleaseWatchDeps {
  readonly db: Database;
  readonly engine: Pick<Engine, 'inspectImage'>;
  readonly dynoLog: DynoLog;
  readonly log: Logger;
  readonly router: Pick<Router, 'traffic'>;
  readonly containersOf: (appId: AppId) => readonly DynoContainer[];
  /** Wakes the loop. */
  readonly wake: (appId: AppId) => void;
  readonly settings: {
    /** How long a release is watched after it went live, where the app says nothing; 0: not at all. */
    readonly rollbackWindowMs: number;
    readonly trafficSampleMs: number;
  };
}

const MAX_INCIDENTS = 50;
/** Longer than the engine may take to tell of an image. */
const MOST_MS = 60_000;
/** While no release is watched, the router's counts are asked for at every sixth time. */
const CALM_FACTOR = 6;

/** A watcher over the releases of this install. */
export function createReleaseWatcher(deps: ReleaseWatchDeps): ReleaseWatcher {
  return new Watcher(deps);
}

class Watcher implements ReleaseWatcher {
  readonly #deps: ReleaseWatchDeps;
  readonly #meter: TrafficMeter = createTrafficMeter();
  /** Apps whose current release needs no more looks, by version. */
  readonly #settled = new Map<AppId, number>();
  readonly #watched = new Set<AppId>();
  /** Apps that are on their way back. */
  readonly #goingBack = new Map<AppId, Promise<void>>();
  /** Aborts when the router's counts are wanted before the next sample. */
  #hurry = new AbortController();

  constructor(deps: ReleaseWatchDeps) {
    this.#deps = deps;
  }

  review(app: App, state: AppState, signal: AbortSignal): void {
    try {
      this.#look(app, state, signal);
    } catch (error) {
      this.#tellFailure(app, error);
    }
  }

  #tellFailure(app: App, error: unknown): void {
    this.#deps.log.warn({ err: error, app: app.name }, 'a release could not be watched');
  }

  #look(app: App, state: AppState, signal: AbortSignal): void {
    const { db } = this.#deps;
    if (state.releaseVersion === undefined || this.#settled.get(app.id) === state.releaseVersion) return;
    const release = currentRelease(db, app.id);
    if (release === undefined || release.version !== state.releaseVersion) return;
    const watch = ensureWatch(db, release);
    if (watch.beganAt === undefined) beginWatch(db, release.id, this.#whatWasBefore(release, state));
    if (watch.liveAt === undefined && isLive(state)) markLive(db, release.id);
    const now = getWatch(db, release.id) ?? watch;
    if (now.outcome === undefined) this.#decide(app, release, { watch: now, signal });
    const after = getWatch(db, release.id) ?? now;
    if (after.outcome === undefined) this.#follow(app.id);
    else this.#watched.delete(app.id);
    if (after.outcome !== undefined && after.liveAt !== undefined) this.#settled.set(app.id, release.version);
  }

  /** The dynos of the release before answer for a while yet: their counts are taken as long as they are there. */
  #follow(appId: AppId): void {
    if (this.#watched.size === 0) this.#hurry.abort();
    this.#watched.add(appId);
  }

  #whatWasBefore(release: Release, state: AppState): Before {
    const { db } = this.#deps;
    const previous = listWatches(db, release.appId).find(
      ({ version, liveAt }) => version < release.version && liveAt !== undefined,
    );
    const now = previous === undefined ? undefined : this.#meter.of(release.appId, previous.version);
    const traffic = now === undefined || now.requests < MIN_REQUESTS ? previous?.traffic : now;
    const isUp = (place: { type: string; number: number }) =>
      state.containers.some(
        (container) => dynoName(container) === dynoName(place) && container.phase === 'up',
      );
    const crashing = state.crashes
      .filter((crash) => crash.releaseVersion !== release.version && crash.count > 1 && !isUp(crash))
      .map((crash) => crash.type);
    return {
      version: previous?.version,
      traffic: traffic ?? { requests: 0, errors: 0 },
      crashing: [...new Set(crashing)],
    };
  }

  /** What was noted when the watch began, or more: old dynos answer for a while, and counts come some seconds late. */
  #newestBefore(appId: AppId, before: Before): Before {
    if (before.version === undefined) return before;
    const now = this.#meter.of(appId, before.version);
    return now.requests > before.traffic.requests ? { ...before, traffic: now } : before;
  }

  #decide(app: App, release: Release, { watch, signal }: { watch: ReleaseWatch; signal: AbortSignal }): void {
    const { db, settings } = this.#deps;
    const windowMs = getDynoSettings(db, app.id).rollbackWindowMs ?? settings.rollbackWindowMs;
    if (windowMs === 0) {
      endWatch(db, release.id, { outcome: 'off' });
      return;
    }
    if (hasNewer(db, release)) return;
    const traffic = this.#meter.of(app.id, release.version);
    const judgement = judgeRelease({
      nowMs: db.now(),
      windowMs,
      liveAt: watch.liveAt,
      before: this.#newestBefore(app.id, watch.before),
      traffic,
      crashes: this.#crashesOf(release),
      incidents: listIncidents(db, app.id, { releaseVersion: release.version, limit: MAX_INCIDENTS }),
    });
    if (judgement.kind === 'passed') endWatch(db, release.id, { outcome: 'passed', traffic });
    if (judgement.kind === 'failed')
      this.#beginGoingBack(app, release, { reason: judgement.reason, traffic, signal });
  }

  /** Once at a time; what fails is tried again by a later look. */
  #beginGoingBack(app: App, release: Release, failed: Failed): void {
    if (this.#goingBack.has(app.id)) return;
    const going = this.#goBack(app, release, failed)
      .then(
        // Whether the release is settled now is seen by a look.
        () => this.#deps.wake(app.id),
        (error: unknown) => {
          if (!failed.signal.aborted) this.#tellFailure(app, error);
        },
      )
      .finally(() => this.#goingBack.delete(app.id));
    this.#goingBack.set(app.id, going);
  }

  async whenWentBack(appId: AppId, signal: AbortSignal): Promise<void> {
    const going = this.#goingBack.get(appId);
    if (going !== undefined) await Promise.race([going, sleep(MOST_MS, undefined, { signal, ref: false })]);
  }

  #crashesOf(release: Release) {
    return listCrashes(this.#deps.db, release.appId).filter(
      ({ releaseVersion }) => releaseVersion === release.version,
    );
  }

  async #goBack(app: App, release: Release, { reason, traffic, signal }: Failed): Promise<void> {
    const { db, dynoLog, log } = this.#deps;
    const target = await this.#findTarget(app, release, signal);
    const about = { appId: app.id, releaseVersion: release.version };
    const text = db.write(() => {
      // The engine was asked meanwhile: somebody may have released or gone back.
      if (currentRelease(db, app.id)?.id !== release.id || hasNewer(db, release)) return undefined;
      if (target === undefined) {
        endWatch(db, release.id, { outcome: 'no-target', reason, traffic });
        const message = `v${release.version} is not rolled back, for ${whyNoTarget(listReleases(db, app.id), release)}: ${reason}`;
        recordIncident(db, { ...about, kind: 'not-rolled-back', message });
        return message;
      }
      const by = { id: app.ownerId };
      const automatic = { undoes: release, reason, traffic };
      const { made, config } = rollBackAutomatically(db, { app, by, to: target, automatic });
      const message = `Automatic rollback of v${release.version} to v${target.version}: ${reason}`;
      const evidence = { from: release.version, to: target.version, as: made.version, ...traffic };
      recordIncident(db, { ...about, kind: 'rolled-back', message, evidence });
      const kept = config === undefined ? '' : `, and v${config.version}: ${config.description}`;
      return `${message}. Release v${made.version} created${kept}`;
    });
    if (text === undefined) return;
    dynoLog.platform(app.id, 'api', text);
    log.info({ app: app.name, release: release.version, reason }, 'release failed in its window');
  }

  /** The newest release that ran and can run again. One whose image turns out to be gone expires. */
  async #findTarget(app: App, { version }: Release, signal: AbortSignal): Promise<Release | undefined> {
    const { db, engine } = this.#deps;
    for (const target of rollbackTargets(listReleases(db, app.id), listWatches(db, app.id), version)) {
      const isThere = await hasImage(engine, target.image ?? '');
      // The database may be closed by now.
      signal.throwIfAborted();
      if (isThere) return target;
      setReleaseStatus(db, { releaseId: target.id, status: 'expired' });
    }
    return undefined;
  }

  async #sample(): Promise<void> {
    const { router, containersOf, db, wake } = this.#deps;
    const counts = await router.traffic();
    const versions = new Map<string, number>();
    for (const appId of new Set(counts.map((count) => count.appId))) {
      // The router's backends are named by ids of apps.
      for (const container of containersOf(appId as AppId))
        versions.set(serverName(container), container.releaseVersion);
    }
    this.#meter.take(counts, ({ server }) => versions.get(server), db.now());
    for (const appId of [...this.#watched, ...this.#settled.keys()]) {
      if (getApp(db, appId) !== undefined) continue;
      this.#watched.delete(appId);
      this.#settled.delete(appId);
    }
    for (const appId of this.#watched) wake(appId);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, settings } = this.#deps;
    while (!signal.aborted) {
      await this.#sample().catch((error: unknown) => log.debug({ err: error }, 'the router told no counts'));
      this.#hurry = new AbortController();
      const pauseMs = settings.trafficSampleMs * (this.#watched.size === 0 ? CALM_FACTOR : 1);
      using either = anySignal(signal, this.#hurry.signal);
      await sleep(pauseMs, undefined, { signal: either.signal }).catch(() => undefined);
    }
  }
}

/** A release that is to be undone. */
interface Failed {
  readonly reason: string;
  readonly traffic: ReleaseWatch['traffic'];
  readonly signal: AbortSignal;
}

/** Whether one is on its way that may mend what this one broke. */
function hasNewer(db: Database, release: Release): boolean {
  return pendingReleases(db, release.appId).some(({ version }) => version > release.version);
}

function whyNoTarget(releases: readonly Release[], failed: Release): string {
  const lost = releases.find(({ version, status }) => version < failed.version && status === 'expired');
  if (lost === undefined) return 'there is no earlier release that ran';
  return `the image of v${lost.version} is gone from the server`;
}
