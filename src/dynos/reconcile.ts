// The loop: makes what runs match what is wished, one pass after another. A pass lists our containers, plans each app,
// begins the actions without waiting for them, and tells the router. What ends, changes or dies wakes it again, for the
// one app that it is about; every few seconds a pass looks at all of them.
// docs/decisions/0100-a-pass-looks-at-what-changed.md

import { setTimeout as sleep } from 'node:timers/promises';
import type { Container, Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';
import { RepeatedFailure } from '../log.js';
import { type App, getApp, listApps } from '../platform/apps.js';
import { keepEndings } from '../platform/dyno-endings.js';
import { keepPassed } from '../platform/passed-dynos.js';
import type { Router } from '../router/router.js';
import type { RoutedApp, RouterState } from '../router/router-state.js';
import { adoptContainer } from './adopt.js';
import { type AppWishes, createAppWishes } from './app-wishes.js';
import { createHands, type Hands, type HandsDeps } from './carry-out.js';
import type { DynoContainer } from './dyno.js';
import { createInventory, type Inventory } from './inventory.js';
import { type AppState, planApp } from './plan.js';
import type { ReleasePhases } from './release-phase.js';
import type { ReleaseWatcher } from './release-watch.js';
import { routeApp } from './routing.js';
import { createHostSettler } from './settle-hosts.js';
import type { Scope, Wakeup } from './wakeup.js';

export interface ReconcileDeps extends Omit<HandsDeps, 'usedAddresses' | 'routed'> {
  readonly listContainers: Engine['listContainers'];
  readonly router: Pick<Router, 'apply' | 'sessions'>;
  readonly releasePhases: ReleasePhases;
  readonly releaseWatcher: Pick<ReleaseWatcher, 'review'>;
  readonly wakeup: Wakeup;
  readonly settings: HandsDeps['settings'] & {
    readonly domain: string;
    readonly platform: RouterState['platform'];
    /** Age at which the dynos of an app that cycles are replaced. */
    readonly cycleMs: number;
  };
}

export interface Reconciler {
  /** Runs passes until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Has a pass made, and resolves when one that begins from now on has ended, the router included: with what was
   * announced before, and a fresh look at this app.
   */
  nextPass(signal: AbortSignal, appId?: AppId): Promise<void>;
  /** Resolves when a pass that begins from now on has ended: there may be none for seconds when nothing happens. */
  whenPassed(signal: AbortSignal): Promise<void>;
  /** The dyno containers as the newest pass saw them. */
  containersOf(appId: AppId): readonly DynoContainer[];
  /** The same of all apps. */
  allContainers(): readonly DynoContainer[];
  /** What a plan of an app would be made from now. */
  stateOf(appId: AppId): AppState;
  /** How long the newest pass over all apps took; undefined before the first. */
  readonly passMs: number | undefined;
}

/** What nobody told of is found within this time. */
const RESYNC_MS = 8000;
const RETRY_MS = 500;

export function createReconciler(deps: ReconcileDeps): Reconciler {
  return new Loop(deps);
}

class Loop implements Reconciler {
  readonly #deps: ReconcileDeps;
  readonly #wishesOf: (appId: AppId) => AppWishes;
  readonly #inventory: Inventory;
  readonly #hands: Hands;
  readonly #settleHosts: ReturnType<typeof createHostSettler>;
  /** What the router is to route, as of each app's newest pass. */
  #routes = new Map<AppId, RoutedApp>();
  /** Whether it has been told of all of them. */
  #isRouted = false;
  #hasRoutedFirst = false;
  /** When to look at an app although nothing happens, epoch ms. */
  readonly #looks = new Map<AppId, number>();
  /** When all apps are looked at, `performance.now()`. */
  #resyncAt = 0;
  #waiters: (() => void)[] = [];
  readonly #failure: RepeatedFailure;
  passMs: number | undefined;

  constructor(deps: ReconcileDeps) {
    this.#deps = deps;
    const text = 'a pass of the loop failed; trying again';
    this.#failure = new RepeatedFailure({ log: deps.log, level: 'warn', text, now: () => performance.now() });
    this.#wishesOf = createAppWishes(deps.db);
    this.#inventory = createInventory(deps);
    this.#settleHosts = createHostSettler({ platformHost: deps.settings.platform.host, log: deps.log });
    this.#hands = createHands({
      ...deps,
      usedAddresses: this.#inventory.usedAddresses,
      routed: (appId, signal) => this.nextPass(signal, appId),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waiters = this.#waiters;
      this.#waiters = [];
      const scope = this.#nextScope();
      const startedAt = performance.now();
      try {
        await this.#pass(scope, signal);
        if (scope === 'all') this.passMs = performance.now() - startedAt;
        for (const resolve of waiters) resolve();
      } catch (error) {
        if (signal.aborted) return;
        this.#waiters.push(...waiters);
        this.#resyncAt = 0;
        this.#failure.note(error);
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      await this.#deps.wakeup.wait(this.#untilLook(), signal);
    }
  }

  nextPass(signal: AbortSignal, appId?: AppId): Promise<void> {
    const passed = this.whenPassed(signal);
    if (appId === undefined) this.#deps.wakeup.nudge();
    else this.#deps.wakeup.wake(appId);
    return passed;
  }

  whenPassed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  containersOf(appId: AppId): readonly DynoContainer[] {
    return this.#inventory.of(appId);
  }

  allContainers(): readonly DynoContainer[] {
    return this.#inventory.all();
  }

  #nextScope(): Scope {
    const woken = this.#deps.wakeup.take();
    const startsAt = performance.now();
    if (woken === 'all' || startsAt >= this.#resyncAt) {
      this.#resyncAt = startsAt + RESYNC_MS;
      return 'all';
    }
    const now = this.#deps.db.now();
    const due = [...this.#looks].filter(([, at]) => at <= now).map(([appId]) => appId);
    return new Set([...woken, ...due]);
  }

  #untilLook(): number {
    const untilResync = this.#resyncAt - performance.now();
    const untilLook = Math.min(...this.#looks.values()) - this.#deps.db.now();
    return Math.max(0, Math.min(untilResync, untilLook));
  }

  async #pass(scope: Scope, signal: AbortSignal): Promise<void> {
    const { db, start } = this.#deps;
    const containers = await this.#inventory.look(scope, (container) =>
      adoptContainer({ ...this.#deps, hands: this.#hands }, container, signal),
    );
    const apps = scope === 'all' ? listApps(db) : [...scope].flatMap((appId) => getApp(db, appId) ?? []);
    if (!this.#hasRoutedFirst) await this.#routeFirst(apps);
    const present = new Set<string>(apps.map((app) => app.id));
    this.#forget(scope, present, signal);
    if (scope === 'all') this.#forgetRemoved(containers);
    for (const app of apps) {
      await this.#plan(app, containers, signal).catch((error: unknown) => {
        this.#deps.log.warn({ err: error, app: app.id }, 'an app could not be planned; trying again');
        this.#looks.set(app.id, db.now() + RETRY_MS);
      });
    }
    this.#hands.endStrangers(present, containers, signal);
    if (scope === 'all' || !this.#isRouted) await this.#tellRouter();
    start.onStep?.('router-told');
  }

  /** What is kept of containers goes with them; on a full disk it goes later, and no app waits for that. */
  #forgetRemoved(containers: readonly Container[]): void {
    const { db, lives, log } = this.#deps;
    const listed = new Set(containers.map(({ id }) => id));
    try {
      keepEndings(db, listed);
      // One that came up after the list was asked for has a life.
      keepPassed(db, (containerId) => listed.has(containerId) || lives.get(containerId) !== undefined);
    } catch (error) {
      log.warn({ err: error }, 'what is kept of removed containers could not be forgotten; trying again');
    }
  }

  /** An app that is no more has no plan that would say so. */
  #forget(scope: Scope, present: ReadonlySet<string>, signal: AbortSignal): void {
    for (const appId of scope === 'all' ? [...this.#routes.keys()] : scope) {
      this.#looks.delete(appId);
      if (!present.has(appId) && this.#routes.delete(appId)) this.#isRouted = false;
    }
    for (const slot of this.#hands.waiting()) {
      const isLookedAt = scope === 'all' || scope.has(slot.appId);
      if (isLookedAt && !present.has(slot.appId)) this.#hands.begin({ kind: 'abandon', slot }, signal);
    }
  }

  async #plan(app: App, containers: readonly Container[], signal: AbortSignal): Promise<void> {
    const { releaseWatcher, releasePhases } = this.#deps;
    const state = this.stateOf(app.id);
    releaseWatcher.review(app, state, signal);
    const plan = planApp(state);
    for (const action of plan.actions) this.#hands.begin(action, signal);
    if (plan.nextLookAt !== undefined) this.#looks.set(app.id, plan.nextLookAt);
    releasePhases.review(app.id, containers);
    const route = this.#routeOf(app, state);
    if (JSON.stringify(route) === JSON.stringify(this.#routes.get(app.id))) return;
    this.#routes.set(app.id, route);
    this.#isRouted = false;
  }

  async #tellRouter(): Promise<void> {
    this.#isRouted = false;
    const apps = this.#settleHosts([...this.#routes.values()]);
    await this.#deps.router.apply({ platform: this.#deps.settings.platform, apps });
    this.#isRouted = true;
  }

  /**
   * The router may have started with the routes of an earlier daemon: it learns what runs before a new container gets
   * an address that those still name.
   */
  async #routeFirst(apps: readonly App[]): Promise<void> {
    for (const app of apps) this.#routes.set(app.id, this.#routeOf(app, this.stateOf(app.id)));
    await this.#tellRouter();
    this.#hasRoutedFirst = true;
  }

  stateOf(appId: AppId): AppState {
    const { db, lives, settings } = this.#deps;
    const { releaseVersion, formation, isAsleep, wishes, crashes, isCycling } = this.#wishesOf(appId);
    return {
      appId,
      releaseVersion,
      formation,
      isAsleep,
      wishes,
      crashes,
      containers: this.#inventory.of(appId),
      starting: lives.starting,
      waiting: this.#hands.waiting().filter((slot) => slot.appId === appId),
      nowMs: db.now(),
      coolOffMs: settings.coolOffMs,
      cycleMs: isCycling ? settings.cycleMs : undefined,
    };
  }

  #routeOf(app: App, state: AppState): RoutedApp {
    return routeApp({
      app,
      domain: this.#deps.settings.domain,
      customHosts: this.#wishesOf(app.id).customHosts,
      hasCode: state.releaseVersion !== undefined,
      formation: state.formation,
      isAsleep: state.isAsleep,
      containers: this.containersOf(app.id),
      webCrashed: state.crashes.some(
        (crash) => crash.type === 'web' && crash.releaseVersion === state.releaseVersion,
      ),
    });
  }
}
