// The dynos of the install: what the API, the builds and the daemon see of this folder.
// In: wishes (from the database), what runs (from the engine). Out: containers, routes, lines in the apps' logs.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import { createMemoryReader } from '../engine/cgroup-memory.js';
import type { Engine } from '../engine/engine.js';
import type { Logger } from '../log.js';
import type { LogClient } from '../logs/client.js';
import { type App, listApps } from '../platform/apps.js';
import { getAutosleep } from '../platform/autosleep.js';
import { onChange } from '../platform/changes.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { listCrashes, listDynoWishes } from '../platform/dyno-wishes.js';
import { getFormation } from '../platform/formation.js';
import { currentRelease, type Release, releaseIdOf } from '../platform/releases.js';
import type { RolloutOutcome } from '../platform/rollout-outcome.js';
import type { Router } from '../router/router.js';
import type { RouterState } from '../router/router-state.js';
import { createAddresses, divideSubnet } from './addresses.js';
import { nextTryAt } from './crash-backoff.js';
import { type Dyno, type DynoContainer, type DynoState, dynoName, type Verdict } from './dyno.js';
import { createDynoLog, type DynoLog } from './dyno-log.js';
import { createHealthNotes } from './health-notes.js';
import { type LivenessDeps, watchLiveness } from './liveness.js';
import { createLives, type Lives } from './lives.js';
import { createLoadWatch, type LoadWatch } from './load-watch.js';
import { watchMemory } from './memory-watch.js';
import { createOneOffs, type OneOffs } from './one-off.js';
import { createOutOfMemory, type OutOfMemory } from './out-of-memory.js';
import { createReconciler, type Reconciler } from './reconcile.js';
import { createReleasePhases } from './release-phase.js';
import { followRollout } from './rollout.js';
import { createWakeup, type Wakeup } from './wakeup.js';

export interface Dynos {
  /** Runs the loop and what watches for it, until the signal aborts. */
  run(): Promise<void>;
  /** The formation's dynos and the one-offs of an app, by name. */
  list(app: App): Promise<Dyno[]>;
  /** The formation's dynos of an app, without asking the engine. */
  formation(app: App): Dyno[];
  /** How long the loop's newest pass took; undefined before the first. */
  passMs(): number | undefined;
  readonly oneOffs: OneOffs;
  /** Resolves when the router knows of what was committed before, or after two seconds: the loop goes on by itself. */
  whenRouted(): Promise<void>;
  /** Waits until a release runs or has failed to; yields the output of its release phase. */
  rollout(release: Release, signal: AbortSignal): AsyncGenerator<string, RolloutOutcome>;
  /** The dyno in this container must end as if it had crashed. */
  condemn(containerId: string, verdict: Verdict): void;
}

export interface DynosOptions {
  readonly db: Database;
  readonly engine: Engine;
  readonly router: Router;
  readonly logs: LogClient;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly settings: DynoSettings;
  /** Random number in [0, 1). */
  readonly random: () => number;
  readonly onStep?: OnStep | undefined;
}

export interface DynoSettings {
  readonly instance: string;
  /** Bridge network of the dynos, and its IPv4 subnet. */
  readonly network: string;
  readonly subnet: string;
  readonly domain: string;
  readonly platform: RouterState['platform'];
  readonly bootTimeoutMs: number;
  readonly coolOffMs: number;
  /** Time between SIGTERM and SIGKILL, where the app has none of its own. */
  readonly stopGraceMs: number;
  /** How often the memory of dynos is looked at. */
  readonly memorySampleMs: number;
}

const ROUTED_LIMIT_MS = 2000;
const PAUSE_SHOWN_MS = 200;
const EVENTS_RETRY_MS = 1000;

export function createDynos(options: DynosOptions): Dynos {
  const { db, engine, log, settings, signal, random } = options;
  const wakeup = createWakeup();
  const lives = createLives(db.now);
  const newSuffix = () =>
    Math.floor(random() * 2 ** 48)
      .toString(16)
      .padStart(12, '0');
  const newRunNumber = () => 1000 + Math.floor(random() * 9000);
  const dynoLog = createDynoLog({ logs: options.logs, log });
  const addresses = createAddresses(settings.subnet);
  const healthNotes = createHealthNotes();
  const shared = { db, engine, dynoLog, log, settings, newSuffix, onStep: options.onStep };
  const releasePhases = createReleasePhases({ ...shared, newRunNumber, signal, onEnd: wakeup.wake });
  const outOfMemory = createOutOfMemory({ db, engine, dynoLog, log, signal });
  const reconciler = createReconciler({
    db,
    engine,
    router: options.router,
    lives,
    log,
    start: { ...shared, lives, healthNotes, addresses },
    releasePhases,
    outOfMemory,
    wakeup,
    settings,
  });
  const formation = (app: App) => formationDynos({ db, app, lives, reconciler, settings });
  const loadWatch = createLoadWatch({
    ...options,
    dynoLog,
    lives,
    containersOf: reconciler.containersOf.bind(reconciler),
  });
  const oneOffs = createOneOffs({ ...shared, newRunNumber, signal });
  const containersOf = (appId: App['id']) => reconciler.containersOf(appId);
  const liveness = { ...shared, lives, healthNotes, random, wake: wakeup.wake, containersOf };
  return {
    oneOffs,
    run: () =>
      runLoops({ ...options, wakeup, reconciler, oneOffs, outOfMemory, dynoLog, loadWatch, liveness }),
    formation,
    passMs: () => reconciler.passMs,
    list: async (app) => [...formation(app), ...(await oneOffs.list(app))],
    condemn(containerId, verdict) {
      if (lives.condemn(containerId, verdict)) wakeup.wake();
    },
    whenRouted: () =>
      reconciler
        .nextPass(AbortSignal.any([signal, AbortSignal.timeout(ROUTED_LIMIT_MS)]))
        .catch(() => undefined),
    rollout: (release, waitSignal) =>
      followRollout(
        {
          db,
          nextPass: reconciler.nextPass.bind(reconciler),
          containersOf: reconciler.containersOf.bind(reconciler),
          phaseOutput: releasePhases.output,
          phaseExitCode: releasePhases.exitCode,
        },
        release,
        AbortSignal.any([signal, waitSignal]),
      ),
  };
}

async function runLoops(
  options: DynosOptions & {
    wakeup: Wakeup;
    reconciler: Reconciler;
    oneOffs: OneOffs;
    outOfMemory: OutOfMemory;
    dynoLog: DynoLog;
    loadWatch: LoadWatch;
    liveness: LivenessDeps;
  },
): Promise<void> {
  const { db, engine, settings, signal, wakeup } = options;
  const { network: name, subnet } = settings;
  await engine.ensureNetwork({ name, subnet, ...divideSubnet(subnet), isolated: true });
  const stopListening = onChange(db, (change) => {
    if (change.kind !== 'build-changed') wakeup.wake();
  });
  try {
    await options.oneOffs.adopt();
    await Promise.all([
      options.reconciler.run(signal),
      watchEvents(options),
      options.loadWatch.run(signal),
      watchMemory(
        {
          db,
          dynoLog: options.dynoLog,
          listApps: () => listApps(db),
          containersOf: (appId) => options.reconciler.containersOf(appId),
          readMemory: createMemoryReader(),
          intervalMs: settings.memorySampleMs,
        },
        signal,
      ),
      watchLiveness(options.liveness, signal),
    ]);
  } finally {
    stopListening();
  }
}

/** An event only wakes the loop: it lists what is, so a lost event costs time and nothing else. */
async function watchEvents({
  engine,
  log,
  signal,
  wakeup,
  outOfMemory,
}: DynosOptions & { wakeup: Wakeup; outOfMemory: OutOfMemory }): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of engine.events({ signal })) {
        outOfMemory.onEvent(event);
        if (event.kind === 'die' || event.kind === 'destroy') wakeup.wake();
        // The engine tells of a pause some milliseconds before its list shows it.
        if (event.kind === 'pause') setTimeout(wakeup.wake, PAUSE_SHOWN_MS).unref();
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'the event stream of the engine broke; opening it again');
    }
    wakeup.wake();
    await sleep(EVENTS_RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Each wanted place of the formation with the container that is best in it, and containers on their way out. */
function formationDynos(options: {
  db: Database;
  app: App;
  lives: Lives;
  reconciler: Reconciler;
  settings: DynoSettings;
}): Dyno[] {
  const { db, app, lives, reconciler } = options;
  const release = currentRelease(db, app.id);
  if (release === undefined) return [];
  const containers = reconciler.containersOf(app.id).filter((container) => container.isRunning);
  const crashes = listCrashes(db, app.id);
  const wishes = listDynoWishes(db, app.id);
  const asleepSince = getAutosleep(db, app.id)?.asleepSince;
  const isAsleep = asleepSince !== undefined;
  return getFormation(db, app.id).flatMap((entry) =>
    Array.from({ length: entry.quantity }, (_, index): Dyno => {
      const place = { type: entry.type, number: index + 1 };
      const name = dynoName(place);
      const here = containers.filter((container) => dynoName(container) === name);
      const best =
        here.find((container) => container.phase === 'up') ?? here.find((c) => c.phase === 'starting');
      const crash = crashes.find((row) => dynoName(row) === name && row.releaseVersion === release.version);
      const isStopped = wishes.some((wish) => dynoName(wish) === name && wish.stopped);
      const releaseVersion = best?.releaseVersion ?? release.version;
      const bestSince = best && lives.get(best.containerId)?.since;
      const state = stateOf({
        best,
        isStopped,
        isAsleep: isAsleep && entry.type === 'web',
        hasCrashed: crash !== undefined,
      });
      const isWaiting = state === 'crashed' && crash !== undefined;
      return {
        name,
        ...place,
        state,
        nextTryAt: isWaiting ? nextTryAt(crash, options.settings.coolOffMs) : undefined,
        releaseVersion,
        releaseId: releaseIdOf(db, { appId: app.id, version: releaseVersion }),
        command: entry.command,
        size: entry.size,
        updatedAt:
          bestSince ?? (entry.type === 'web' ? asleepSince : undefined) ?? crash?.lastAt ?? release.createdAt,
        containerId: best?.containerId,
        ip: best?.ip,
      };
    }),
  );
}

function stateOf(place: {
  best: DynoContainer | undefined;
  isStopped: boolean;
  isAsleep: boolean;
  hasCrashed: boolean;
}): DynoState {
  if (place.best !== undefined) return place.best.phase === 'up' ? 'up' : 'starting';
  if (place.isStopped) return 'down';
  if (place.isAsleep) return 'idle';
  return place.hasCrashed ? 'crashed' : 'starting';
}
