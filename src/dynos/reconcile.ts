// The loop: makes what runs match what is wished, one pass after another. A pass lists our containers once, plans each
// app, begins the actions without waiting for them, and tells the router. What ends, changes or dies wakes it again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import { LABEL } from '../engine/container-spec.js';
import type { Container, Engine } from '../engine/engine.js';
import { assertNever } from '../errors.js';
import type { AppId } from '../ids.js';
import type { Logger } from '../log.js';
import { type App, getApp, listApps } from '../platform/apps.js';
import { getAutosleep } from '../platform/autosleep.js';
import { listDomains } from '../platform/domains.js';
import { getDynoSettings } from '../platform/dyno-settings.js';
import { listCrashes, listDynoWishes } from '../platform/dyno-wishes.js';
import { getFormation } from '../platform/formation.js';
import { currentRelease, pendingReleases } from '../platform/releases.js';
import type { Router } from '../router/router.js';
import type { RoutedApp, RouterState } from '../router/router-state.js';
import { awaitDynoUp } from './await-up.js';
import { type DynoContainer, readDynoContainer, type Verdict } from './dyno.js';
import { PAUSED } from './liveness.js';
import type { Lives } from './lives.js';
import type { OutOfMemory } from './out-of-memory.js';
import { type Action, type AppState, planApp, type Slot, type StopReason, slotKey } from './plan.js';
import { portAccepts } from './probe.js';
import type { ReleasePhases } from './release-phase.js';
import type { ReleaseWatcher } from './release-watch.js';
import { routeApp, WEB_PORT } from './routing.js';
import type { SeenEnds } from './seen-ends.js';
import { createSemaphore, type Semaphore } from './semaphore.js';
import { type StartDynoDeps, startDyno } from './start-dyno.js';
import { buryDyno, endCondemned, stopDyno, tellCycling } from './stop-dyno.js';
import type { Wakeup } from './wakeup.js';

export interface ReconcileDeps {
  readonly db: Database;
  readonly engine: Engine;
  readonly router: Router;
  readonly lives: Lives;
  readonly log: Logger;
  readonly start: StartDynoDeps;
  readonly releasePhases: ReleasePhases;
  readonly releaseWatcher: Pick<ReleaseWatcher, 'review'>;
  readonly outOfMemory: Pick<OutOfMemory, 'lastAt'>;
  readonly seenEnds: SeenEnds;
  readonly wakeup: Wakeup;
  readonly settings: {
    readonly domain: string;
    readonly platform: RouterState['platform'];
    /** First cool-off of a dyno that crashed twice. */
    readonly coolOffMs: number;
    /** Time between SIGTERM and SIGKILL, where the app has none of its own. */
    readonly stopGraceMs: number;
    /** Age at which the dynos of an app that cycles are replaced. */
    readonly cycleMs: number;
  };
}

export interface Reconciler {
  /** Runs passes until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves after the next pass that begins from now on, the router included. */
  nextPass(signal: AbortSignal): Promise<void>;
  /** The dyno containers as the newest pass saw them. */
  containersOf(appId: AppId): readonly DynoContainer[];
  /** How long the newest pass took; undefined before the first. */
  readonly passMs: number | undefined;
}

const RESYNC_MS = 5000;
const RETRY_MS = 500;
const MAX_STARTS_AT_ONCE = 10;

export function createReconciler(deps: ReconcileDeps): Reconciler {
  return new Loop(deps);
}

class Loop implements Reconciler {
  readonly #deps: ReconcileDeps;
  readonly #starts: Semaphore = createSemaphore(MAX_STARTS_AT_ONCE);
  /** Containers of destroyed apps that are being removed. */
  readonly #busy = new Set<string>();
  #byApp = new Map<AppId, DynoContainer[]>();
  #usedAddresses = new Set<string>();
  #waiters: (() => void)[] = [];
  #hasRouted = false;
  passMs: number | undefined;

  constructor(deps: ReconcileDeps) {
    this.#deps = deps;
  }

  async run(signal: AbortSignal): Promise<void> {
    let nextLookAt: number | undefined;
    while (!signal.aborted) {
      const waiters = this.#waiters;
      this.#waiters = [];
      try {
        const startedAt = performance.now();
        nextLookAt = await this.#pass(signal);
        this.passMs = performance.now() - startedAt;
        for (const resolve of waiters) resolve();
      } catch (error) {
        if (signal.aborted) return;
        this.#waiters.push(...waiters);
        this.#deps.log.warn({ err: error }, 'a pass of the loop failed; trying again');
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      const untilLook = nextLookAt === undefined ? RESYNC_MS : Math.max(0, nextLookAt - this.#deps.db.now());
      await this.#deps.wakeup.wait(Math.min(RESYNC_MS, untilLook), signal);
    }
  }

  nextPass(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      this.#deps.wakeup.wake();
    });
  }

  containersOf(appId: AppId): readonly DynoContainer[] {
    return (this.#byApp.get(appId) ?? []).map((container) => ({
      ...container,
      phase: this.#deps.lives.get(container.containerId)?.phase ?? container.phase,
    }));
  }

  /** One pass; returns when to look again. */
  async #pass(signal: AbortSignal): Promise<number | undefined> {
    const { engine, lives, db } = this.#deps;
    const endList = lives.beginPass();
    const containers = (await engine.listContainers()).map(this.#deps.seenEnds.apply);
    await Promise.all(containers.map((container) => this.#adopt(container, signal)));
    endList(new Set(containers.map((container) => container.id)));
    this.#group(containers);

    const apps = listApps(db);
    const looks: number[] = [];
    if (!this.#hasRouted) await this.#routeFirst(apps);
    const routes: RoutedApp[] = [];
    for (const app of apps) {
      const state = this.#stateOf(app);
      this.#deps.releaseWatcher.review(app, state);
      const plan = planApp(state);
      for (const action of plan.actions) this.#begin(action, signal);
      if (plan.nextLookAt !== undefined) looks.push(plan.nextLookAt);
      for (const release of pendingReleases(db, app.id).slice(0, 1)) {
        this.#deps.releasePhases.ensure(release, containers);
      }
      routes.push(this.#routeOf(app, state));
    }
    this.#endStrangers(new Set<string>(apps.map((app) => app.id)), containers, signal);
    await this.#deps.router.apply({ platform: this.#deps.settings.platform, apps: routes });
    this.#deps.start.onStep?.('router-told');
    return looks.length === 0 ? undefined : Math.min(...looks);
  }

  /**
   * The router may have started with the routes of an earlier daemon: it learns what runs before a new container gets
   * an address that those still name.
   */
  async #routeFirst(apps: readonly App[]): Promise<void> {
    const routes = apps.map((app) => this.#routeOf(app, this.#stateOf(app)));
    await this.#deps.router.apply({ platform: this.#deps.settings.platform, apps: routes });
    this.#hasRouted = true;
  }

  /** A container whose life is not known: what runs and answers is up; what does not answer yet is still starting. */
  async #adopt(container: Container, signal: AbortSignal): Promise<void> {
    const { lives, engine, db } = this.#deps;
    const dyno = readDynoContainer(container, 'starting');
    if (dyno === undefined || lives.isGone(container.id)) return;
    if (container.state === 'created' && !lives.starting.has(slotKey(dyno))) {
      // Whoever made it will not start it: an earlier daemon, or one of ours that lost the engine's answer.
      await engine.removeContainer(container.id);
      lives.forget(container.id);
      return;
    }
    if (lives.get(container.id) !== undefined) return;
    if (container.state !== 'running' && container.state !== 'paused') return;
    const app = getApp(db, dyno.appId);
    // Its checks passed when it came up; a slow answer now is no reason to take requests from it.
    const isUp = dyno.type !== 'web' || (await portAccepts(dyno.ip ?? '', WEB_PORT));
    lives.enter(container.id, isUp ? 'up' : 'starting', container.createdAt);
    if (isUp || app === undefined) return;
    this.#inBackground('check', awaitDynoUp(this.#deps.start, { ...dyno, app, signal }));
  }

  #group(containers: readonly Container[]): void {
    this.#byApp = new Map();
    this.#usedAddresses = new Set();
    for (const container of containers) {
      if (container.ip !== undefined) this.#usedAddresses.add(container.ip);
      const life = this.#deps.lives.get(container.id);
      const read = readDynoContainer(container, life?.phase ?? 'starting');
      if (read === undefined || this.#deps.lives.isGone(container.id)) continue;
      if (container.state === 'paused') this.#deps.lives.condemn(container.id, PAUSED);
      const dyno = { ...read, verdict: this.#deps.lives.get(container.id)?.verdict };
      const group = this.#byApp.get(dyno.appId);
      if (group === undefined) this.#byApp.set(dyno.appId, [dyno]);
      else group.push(dyno);
    }
  }

  #stateOf(app: App): AppState {
    const { db, lives, settings } = this.#deps;
    const release = currentRelease(db, app.id);
    return {
      appId: app.id,
      releaseVersion: release?.image === undefined ? undefined : release.version,
      formation: getFormation(db, app.id),
      isAsleep: getAutosleep(db, app.id)?.asleepSince !== undefined,
      wishes: listDynoWishes(db, app.id),
      crashes: listCrashes(db, app.id),
      containers: this.#byApp.get(app.id) ?? [],
      starting: lives.starting,
      nowMs: db.now(),
      coolOffMs: settings.coolOffMs,
      cycleMs: getDynoSettings(db, app.id).cycling ? settings.cycleMs : undefined,
    };
  }

  #routeOf(app: App, state: AppState): RoutedApp {
    return routeApp({
      app,
      domain: this.#deps.settings.domain,
      customHosts: listDomains(this.#deps.db, app.id).map((domain) => domain.hostname),
      hasCode: state.releaseVersion !== undefined,
      formation: state.formation,
      isAsleep: state.isAsleep,
      containers: this.containersOf(app.id),
      webCrashed: state.crashes.some(
        (crash) => crash.type === 'web' && crash.releaseVersion === state.releaseVersion,
      ),
    });
  }

  #begin(action: Action, signal: AbortSignal): void {
    switch (action.kind) {
      case 'start':
        this.#start(action, signal);
        break;
      case 'stop':
        this.#stop(action.container, action.why, signal);
        break;
      case 'condemn':
        this.#condemn(action.container, action, signal);
        break;
      case 'bury':
        this.#bury(action.container, action.isCurrent, signal);
        break;
      default:
        assertNever(action);
    }
  }

  #start({ slot, isCycling }: { slot: Slot; isCycling: boolean }, signal: AbortSignal): void {
    if (isCycling) tellCycling(this.#deps.start.dynoLog, slot);
    this.#deps.lives.beginStart(slotKey(slot));
    const start = () => startDyno(this.#deps.start, slot, { usedAddresses: this.#usedAddresses, signal });
    this.#inBackground('start', this.#starts.run(start));
  }

  #bury(container: DynoContainer, isCurrent: boolean, signal: AbortSignal): void {
    const { lives } = this.#deps;
    const wasUp = lives.get(container.containerId)?.phase === 'up';
    if (!lives.enter(container.containerId, 'stopping')) return;
    const buried = buryDyno(this.#stopDeps(), container, { isCurrent, wasUp, signal });
    this.#inBackground('bury', this.#retryable(buried, container));
  }

  #condemn(
    container: DynoContainer,
    options: { verdict: Verdict; isCurrent: boolean },
    signal: AbortSignal,
  ): void {
    if (!this.#deps.lives.enter(container.containerId, 'stopping')) return;
    const ended = endCondemned(this.#stopDeps(), container, { ...options, signal });
    this.#inBackground('condemn', this.#retryable(ended, container));
    // Its crash is counted: the next one need not wait for its end.
    this.#deps.wakeup.wake();
  }

  #stop(container: DynoContainer, why: StopReason, signal: AbortSignal): void {
    const { lives } = this.#deps;
    const wasUp = lives.get(container.containerId)?.phase === 'up';
    if (!lives.enter(container.containerId, 'stopping')) return;
    const stopped = stopDyno(this.#stopDeps(), container, { why, wasUp, signal });
    this.#inBackground('stop', this.#retryable(stopped, container));
  }

  /** What failed is planned again: until the next list the container counts as gone, then as unknown. */
  #retryable(work: Promise<void>, container: DynoContainer): Promise<void> {
    return work.catch((error: unknown) => {
      this.#deps.lives.forget(container.containerId);
      throw error;
    });
  }

  /** Containers of apps that are no more. */
  #endStrangers(appIds: ReadonlySet<string>, containers: readonly Container[], signal: AbortSignal): void {
    for (const container of containers) {
      const appId = container.labels[LABEL.app];
      const role = container.labels[LABEL.role];
      if (appId === undefined || appIds.has(appId) || this.#busy.has(container.id)) continue;
      const dyno = readDynoContainer(container, 'up');
      if (dyno?.isRunning) this.#stop(dyno, 'surplus', signal);
      else if (role === 'dyno' || role === 'one-off' || role === 'release-phase') {
        this.#busy.add(container.id);
        const removed = this.#deps.engine.removeContainer(container.id);
        this.#inBackground(
          'remove',
          removed.finally(() => this.#busy.delete(container.id)),
        );
      }
    }
  }

  #stopDeps() {
    const { db, engine, router, lives, start, settings, outOfMemory, seenEnds } = this.#deps;
    return {
      settings,
      outOfMemory,
      seenEnds,
      graceMs: (appId: AppId) => getDynoSettings(db, appId).stopGraceMs ?? settings.stopGraceMs,
      db,
      engine,
      router,
      lives,
      dynoLog: start.dynoLog,
      onStep: start.onStep,
      routed: (signal: AbortSignal) => this.nextPass(signal),
    };
  }

  #inBackground(what: string, work: Promise<void>): void {
    work
      .catch((error: unknown) => {
        const isShutdown = error instanceof Error && error.name === 'AbortError';
        if (!isShutdown) this.#deps.log.warn({ err: error, what }, 'an action of the loop failed');
      })
      .finally(() => this.#deps.wakeup.wake())
      .catch(() => undefined);
  }
}
