// Constructs the parts of the daemon and connects them. Read it to see who needs whom.

import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import type { Deploys } from '../build/deploys.js';
import { removeBuildContainers } from '../build/interrupted.js';
import { removeWorkDirectories } from '../build/work-directories.js';
import type { Database } from '../db/database.js';
import { createDynos, type Dynos } from '../dynos/dynos.js';
import { createBuildCpu } from '../engine/build-cpu.js';
import { createDockerEngine } from '../engine/docker.js';
import type { Engine } from '../engine/engine.js';
import { readOpenFilesLimit } from '../engine/open-files.js';
import { STARVATION_TIMES } from '../engine/starvation.js';
import type { Firewall } from '../firewall/firewall.js';
import { createHeldPushes } from '../git/held-pushes.js';
import { createPushes, type Pushes } from '../git/pushes.js';
import type { GitPlace } from '../git/repository.js';
import type { Logger } from '../log.js';
import { createLogClient, type LogClient } from '../logs/client.js';
import type { OnStep } from '../platform/deploy-steps.js';
import type { Router } from '../router/router.js';
import { createDiskSpace } from '../upkeep/disk-space.js';
import { limitLogFiles } from '../upkeep/log-files.js';
import { clearDestroyedApps } from './clear-destroyed-apps.js';
import { collectorSettings } from './collector-settings.js';
import { type CollectorStalls, createCollectorStalls } from './collector-stalls.js';
import type { Config, DataPaths } from './config.js';
import { loadDiskConfig } from './disk-config.js';
import { ensureCollector } from './ensure-collector.js';
import { forgetLogs } from './forget-logs.js';
import { openOwnDatabase } from './open-database.js';
import { uptimeMs } from './uptime.js';
import { wireDeploys } from './wire-deploys.js';
import { wireFirewall } from './wire-firewall.js';
import { wireRouter } from './wire-router.js';
import { wireServer } from './wire-server.js';
import { type WiredUpkeep, wireUpkeep } from './wire-upkeep.js';

/** The running parts; `stop` ends them in the order that loses nothing. */
export interface Daemon {
  /** Resolves when the daemon answers requests. */
  start(): Promise<void>;
  /** Rejects when a part that the daemon cannot be without has failed. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

export interface DaemonOptions {
  readonly config: Config;
  readonly paths: DataPaths;
  readonly identity: { readonly key: Buffer; readonly instance: string };
  /** Passed on to the log collector, which reads its own settings. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly now: () => number;
  readonly random: () => number;
  readonly newId: () => string;
  readonly onStep: OnStep | undefined;
}

const API_ADDRESS = '127.0.0.1';
const FLUSH_MS = 3000;
const CYCLE_MS = 24 * 3_600_000;
const MEMORY_SAMPLE_MS = 20_000;
const TRAFFIC_SAMPLE_MS = 5000;

/** Opens the database and makes all parts. Nothing runs before `start`. */
export async function wireDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, paths, identity, log, now } = options;
  const stopping = new AbortController();
  // All that goes on in the daemon waits for it, which is no leak.
  setMaxListeners(0, stopping.signal);
  const db = openOwnDatabase(paths, { key: identity.key, now });
  const buildCpu = createBuildCpu({
    instance: identity.instance,
    readLayout: async () => (await engine.info()).groups,
    times: STARVATION_TIMES,
    log: log.child({ part: 'build' }),
  });
  const engine: Engine = createDockerEngine({
    socketPath: config.dockerSocket,
    instance: identity.instance,
    maxOpenFiles: await readOpenFilesLimit({ pidFile: '/var/run/docker.pid' }),
    buildCpu,
    log: log.child({ part: 'engine' }),
  });
  const logs = createLogClient({
    socketPath: paths.collectorSocket,
    clientId: options.newId(),
    log: log.child({ part: 'logs' }),
  });
  const router = wireRouter(options, { db, logs, signal: stopping.signal });
  const network = `paas-${identity.instance}`;
  const dynos = wireDynos(options, { db, engine, logs, router, network, signal: stopping.signal });
  const firewall = wireFirewall(options, { engine, network });
  const disk = loadDiskConfig(options.env);
  const space = createDiskSpace({ dataDir: config.dataDir, engine, floor: disk.floor });
  const place: GitPlace = {
    repositories: paths.repositories,
    emptyHome: join(paths.temporary, 'git-home'),
    maxPushBytes: config.maxSourceBytes,
  };
  const held = createHeldPushes({ db, place, log: log.child({ part: 'git' }) });
  const deploys = wireDeploys(options, { db, engine, buildCpu, logs, dynos, network, space, branches: held });
  const stalls = createCollectorStalls({ db, logs });
  const running = { engine, buildCpu, logs, router, dynos, deploys, stalls };
  const upkeep = wireUpkeep(options, { ...running, db, space, disk, firewall });
  const pushes = createPushes({
    db,
    deploys,
    held,
    place,
    nodePath: process.execPath,
    log: log.child({ part: 'git' }),
    onStep: options.onStep,
  });
  const server = await wireServer(options, { db, logs, deploys, pushes, dynos, upkeep });
  const clearing = clearDestroyedApps({ db, engine, place, instance: identity.instance, log });
  return runDaemon(options, {
    db,
    engine,
    logs,
    router,
    dynos,
    firewall,
    deploys,
    upkeep,
    pushes,
    server,
    clearing,
    stalls,
    stopping,
  });
}

interface Parts {
  readonly db: Database;
  readonly engine: Engine;
  readonly logs: LogClient;
  readonly router: Router;
  readonly dynos: Dynos;
  readonly firewall: Firewall;
  readonly deploys: Deploys;
  readonly upkeep: WiredUpkeep;
  readonly pushes: Pushes;
  readonly server: FastifyInstance;
  readonly clearing: () => void;
  readonly stalls: CollectorStalls;
  readonly stopping: AbortController;
}

function runDaemon(options: DaemonOptions, parts: Parts): Daemon {
  const { config, paths, log } = options;
  const { engine, router, deploys, pushes, server, stopping } = parts;
  let collector: AsyncDisposable | undefined;
  let loop: Promise<void> = Promise.resolve();
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  let started: Promise<void> = Promise.resolve();
  let isUp = false;
  async function begin(): Promise<void> {
    const { signal } = stopping;
    await requireEngine(parts, paths);
    signal.throwIfAborted();
    await removeWorkDirectories(paths.temporary);
    // A daemon that starts again and again never comes to its upkeep.
    await limitLogFiles({ directory: paths.ownLogs, log });
    collector = await ensureOwnCollector(options, parts);
    signal.throwIfAborted();
    await Promise.all([
      router.start(),
      pushes.start(),
      parts.firewall.ensure(),
      removeBuildContainers(engine, log),
    ]);
    signal.throwIfAborted();
    loop = runLoops(parts, log);
    loop.catch(fail);
    await deploys.resume();
    await server.listen({ host: API_ADDRESS, port: config.apiPort });
    isUp = true;
  }
  return {
    failed,
    start() {
      started = begin();
      return started;
    },
    async stop() {
      // A start that is under way goes no further than what it has begun.
      if (!isUp) stopping.abort();
      await started.catch(() => undefined);
      // Builds first: their pushers are told why, over connections that closing the server would cut.
      await deploys.stop();
      await pushes.stop();
      await server.close();
      stopping.abort();
      await loop.catch(() => undefined);
      parts.clearing();
      // A collector that is away is not waited for.
      await Promise.race([parts.logs.flush(), sleep(FLUSH_MS, undefined, { ref: false })]).catch(
        (error: unknown) => log.warn({ err: error }, 'log lines were not delivered'),
      );
      parts.logs.close();
      await collector?.[Symbol.asyncDispose]();
      parts.upkeep.stop();
      parts.db.close();
    },
  };
}

function ensureOwnCollector(
  { config, env, identity, log }: DaemonOptions,
  { stalls }: Pick<Parts, 'stalls'>,
): ReturnType<typeof ensureCollector> {
  return ensureCollector({
    dataDir: config.dataDir,
    command: [
      process.execPath,
      // A smaller young generation: 8 MB less memory at rest.
      '--max-semi-space-size=2',
      fileURLToPath(new URL('./log-collector.js', import.meta.url)),
    ],
    env,
    stamp: collectorSettings(config, identity.instance).stamp,
    log: log.child({ part: 'logs' }),
    onStall: stalls.note,
  });
}

/** What goes on until the daemon stops. Rejects when a part of it has failed. */
async function runLoops(parts: Parts, log: Logger): Promise<void> {
  const { signal } = parts.stopping;
  await Promise.all([
    parts.dynos.run(),
    parts.upkeep.run(signal),
    parts.firewall.run(signal),
    forgetLogs({ ...parts, log: log.child({ part: 'logs' }) }, signal),
  ]);
}

/** Throws when the engine cannot be worked with. Dynos run on without it, and their requests need the router. */
async function requireEngine(
  { engine, router }: Pick<Parts, 'engine' | 'router'>,
  paths: DataPaths,
): Promise<void> {
  try {
    await engine.ping();
  } catch (error) {
    // It may have gone, too.
    if (existsSync(join(paths.haproxy, 'haproxy.cfg'))) await router.start();
    throw error;
  }
}

function wireDynos(
  { config, identity, log, random, onStep }: DaemonOptions,
  parts: Pick<Parts, 'db' | 'engine' | 'logs' | 'router'> & { network: string; signal: AbortSignal },
): Dynos {
  const { network, ...others } = parts;
  return createDynos({
    ...others,
    log: log.child({ part: 'dynos' }),
    random,
    uptimeMs,
    onStep,
    settings: {
      instance: identity.instance,
      network,
      subnet: config.subnet,
      domain: config.domain,
      platform: { host: config.platformHost, address: `${API_ADDRESS}:${config.apiPort}` },
      pidsLimit: config.dynoPids,
      bootTimeoutMs: config.bootTimeoutMs,
      coolOffMs: config.crashCoolOffMs,
      stopGraceMs: config.stopGraceMs,
      cycleMs: CYCLE_MS,
      memorySampleMs: MEMORY_SAMPLE_MS,
      releaseTimeoutMs: config.releaseTimeoutMs,
      rollbackWindowMs: config.rollbackWindowMs,
      trafficSampleMs: TRAFFIC_SAMPLE_MS,
    },
  });
}
