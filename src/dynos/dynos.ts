// The dynos of the install: what the API, the builds and the daemon see of this folder.
// In: wishes (from the database), what runs (from the engine). Out: containers, routes, lines in the apps' logs.

import { setTimeout as sleep } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import type { Database } from '../db/database.js';
import { createMemoryReader } from '../engine/cgroup-memory.js';
import { LABEL } from '../engine/container-spec.js';
import type { ContainerEvent, Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';
import type { Logger } from '../log.js';
import type { LogClient } from '../logs/client.js';
import type { App } from '../platform/apps.js';
import { onChange } from '../platform/changes.js';
import type { OnStep } from '../platform/deploy-steps.js';
import type { Release } from '../platform/releases.js';
import type { RolloutOutcome } from '../platform/rollout-outcome.js';
import type { Router } from '../router/router.js';
import type { RouterState } from '../router/router-state.js';
import { createAddresses, divideSubnet } from './addresses.js';
import type { ScalingTimes } from './autoscale-policy.js';
import type { Dyno, Verdict } from './dyno.js';
import { createDynoLog } from './dyno-log.js';
import { formationDynos } from './formation-dynos.js';
import { createHealthNotes } from './health-notes.js';
import { watchLiveness } from './liveness.js';
import { createLives } from './lives.js';
import { createLoadWatch } from './load-watch.js';
import { watchMemory } from './memory-watch.js';
import { createOneOffs, type OneOffs } from './one-off.js';
import { createOutOfMemory } from './out-of-memory.js';
import { createReconciler, type Reconciler } from './reconcile.js';
import { createReleasePhases } from './release-phase.js';
import { createReleaseWatcher } from './release-watch.js';
import { followRollout } from './rollout.js';
import { createRunChecks, type RunChecks } from './run-checks.js';
import { createSeenContainers } from './seen-containers.js';
import { createSeenEnds } from './seen-ends.js';
import { createWakeup } from './wakeup.js';
import { createWhy, type Why } from './why.js';

export interface Dynos {
  /** Runs the loop and what watches for it, until the signal aborts. */
  run(): Promise<void>;
  /** The formation's dynos and the one-offs of an app, by name: as they were last seen while the engine is away. */
  list(app: App): Promise<Dyno[]>;
  /** When the engine last told what runs (epoch ms), if it does not tell now. */
  silentSince(): number | undefined;
  /** The formation's dynos of an app, without asking the engine. */
  formation(app: App): Dyno[];
  /** How long the loop's newest pass took; undefined before the first. */
  passMs(): number | undefined;
  readonly oneOffs: OneOffs;
  readonly why: Why;
  readonly runChecks: RunChecks;
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
  /** Ms since the server started, the same for each daemon. */
  readonly uptimeMs: () => number;
  readonly onStep?: OnStep | undefined;
}

export interface DynoSettings {
  readonly instance: string;
  /** Bridge network of the dynos, and its IPv4 subnet. */
  readonly network: string;
  readonly subnet: string;
  readonly domain: string;
  readonly platform: RouterState['platform'];
  /** Processes and threads that one of their containers may have. */
  readonly pidsLimit: number;
  readonly bootTimeoutMs: number;
  /** How many dynos boot at once; undefined: as in production. */
  readonly maxBoots?: number | undefined;
  readonly coolOffMs: number;
  /** When autoscale measures and decides; undefined: as in production. */
  readonly scalingTimes?: ScalingTimes | undefined;
  /** Time between SIGTERM and SIGKILL, where the app has none of its own. */
  readonly stopGraceMs: number;
  /** How long a release command may run. */
  readonly releaseTimeoutMs: number;
  /** Age at which the dynos of an app that cycles are replaced. */
  readonly cycleMs: number;
  /** How often the memory of dynos is looked at. */
  readonly memorySampleMs: number;
  /** How long a release is watched after it went live, where the app says nothing; 0: not at all. */
  readonly rollbackWindowMs: number;
  /** How often the router is asked for its counts. */
  readonly trafficSampleMs: number;
}

const ROUTED_LIMIT_MS = 2000;
const PAUSE_SHOWN_MS = 200;
const EVENTS_RETRY_MS = 1000;

export function createDynos(options: DynosOptions): Dynos {
  const { db, settings, signal } = options;
  const parts = createParts(options);
  const { lives, oneOffs, reconciler, releasePhases, releaseWatcher, wakeup } = parts;
  const formation = (app: App) => formationDynos({ db, app, lives, reconciler, settings });
  return {
    oneOffs,
    run: () => runLoops(options, parts),
    formation,
    why: createWhy({
      ...options,
      oneOffs,
      healthNotes: parts.liveness.healthNotes,
      listFormation: formation,
    }),
    runChecks: createRunChecks({
      db,
      engine: options.engine,
      containersOf: (appId) => reconciler.containersOf(appId),
    }),
    passMs: () => reconciler.passMs,
    list: async (app) => [...formation(app), ...(await oneOffs.list(app))],
    silentSince: parts.seen.silentSince,
    condemn(containerId, verdict) {
      if (lives.condemn(containerId, verdict)) wakeup.wake('all');
    },
    async whenRouted() {
      using limit = anySignal(signal, AbortSignal.timeout(ROUTED_LIMIT_MS));
      await reconciler.nextPass(limit.signal).catch(() => undefined);
    },
    async *rollout(release, waitSignal) {
      using either = anySignal(signal, waitSignal);
      return yield* followRollout(
        {
          db,
          nextPass: reconciler.nextPass.bind(reconciler),
          whenPassed: reconciler.whenPassed.bind(reconciler),
          whenWentBack: releaseWatcher.whenWentBack.bind(releaseWatcher),
          stateOf: reconciler.stateOf.bind(reconciler),
          phases: releasePhases,
        },
        release,
        either.signal,
      );
    },
  };
}

type Parts = ReturnType<typeof createParts>;

function createParts(options: DynosOptions) {
  const { db, engine, log, router, settings, signal, random } = options;
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
  const containersOf = (appId: AppId) => reconciler.containersOf(appId);
  const allContainers = () => reconciler.allContainers();
  const releasePhases = createReleasePhases({ ...shared, newRunNumber, signal, onEnd: wakeup.wake });
  const outOfMemory = createOutOfMemory({ db, engine, dynoLog, log, signal });
  const seenEnds = createSeenEnds();
  const seen = createSeenContainers({ engine, now: db.now });
  const releaseWatcher = createReleaseWatcher({ ...shared, router, containersOf, wake: wakeup.wake });
  const reconciler: Reconciler = createReconciler({
    ...shared,
    listContainers: seen.listContainers,
    router,
    lives,
    start: { ...shared, lives, healthNotes, addresses },
    releasePhases,
    releaseWatcher,
    outOfMemory,
    seenEnds,
    wakeup,
    uptimeMs: options.uptimeMs,
  });
  const loadWatch = createLoadWatch({
    ...options,
    scalingTimes: settings.scalingTimes,
    dynoLog,
    lives,
    containersOf,
  });
  const readMemory = createMemoryReader();
  const memory = { db, dynoLog, log, allContainers, readMemory, intervalMs: settings.memorySampleMs };
  const oneOffs = createOneOffs({ ...shared, seen, newRunNumber, signal });
  const liveness = { ...shared, lives, healthNotes, random, wake: wakeup.wake, allContainers };
  return {
    wakeup,
    lives,
    oneOffs,
    reconciler,
    releasePhases,
    releaseWatcher,
    outOfMemory,
    seen,
    seenEnds,
    loadWatch,
    memory,
    liveness,
  };
}

async function runLoops(options: DynosOptions, parts: Parts): Promise<void> {
  const { db, engine, settings, signal } = options;
  const { network: name, subnet } = settings;
  await engine.ensureNetwork({ name, subnet, ...divideSubnet(subnet), isolated: true });
  const stopListening = onChange(db, (change) => {
    // Every change is announced with the id of its app.
    if (change.kind !== 'build-changed') parts.wakeup.wake(change.appId as AppId);
  });
  try {
    await parts.oneOffs.adopt();
    await Promise.all([
      parts.reconciler.run(signal),
      watchEvents({ ...options, ...parts }),
      parts.loadWatch.run(signal),
      parts.releaseWatcher.run(signal),
      watchMemory(parts.memory, signal),
      watchLiveness(parts.liveness, signal),
    ]);
  } finally {
    stopListening();
  }
}

/** An event only wakes the loop: it lists what is, so a lost event costs time and nothing else. */
async function watchEvents(parts: DynosOptions & Heard): Promise<void> {
  const { engine, log, signal, wakeup } = parts;
  while (!signal.aborted) {
    try {
      for await (const event of engine.events({ signal })) hear(event, parts);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'the event stream of the engine broke; opening it again');
    }
    // Of what happened meanwhile nobody will tell.
    wakeup.wake('all');
    await sleep(EVENTS_RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

type Heard = Pick<Parts, 'wakeup' | 'outOfMemory' | 'seenEnds'>;

function hear(event: ContainerEvent, { wakeup, outOfMemory, seenEnds }: Heard): void {
  seenEnds.onEvent(event);
  outOfMemory.onEvent(event);
  // Only our own specs write this label, from an AppId.
  const about = (event.labels[LABEL.app] as AppId | undefined) ?? 'all';
  if (event.kind === 'die' || event.kind === 'destroy') wakeup.wake(about);
  // Nothing else tells of it before the next full list, which may not come.
  if (event.kind === 'start' && event.labels[LABEL.role] === 'one-off') wakeup.wake(about);
  // The engine tells of a pause some milliseconds before its list shows it.
  if (event.kind === 'pause') setTimeout(() => wakeup.wake(about), PAUSE_SHOWN_MS).unref();
}
