// The house without its doors: database, engine, router, log collector and the dyno loop, on a data directory, ports
// and labels of its own. For tests of what happens behind the API.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { prepareDataDir, readIdentity } from '../../src/daemon/config.js';
import { uptimeMs } from '../../src/daemon/uptime.js';
import { type Database, openDatabase } from '../../src/db/database.js';
import type { ScalingTimes } from '../../src/dynos/autoscale-policy.js';
import { createDynos, type Dynos } from '../../src/dynos/dynos.js';
import { createDockerEngine } from '../../src/engine/docker.js';
import type { Engine } from '../../src/engine/engine.js';
import { readOpenFilesLimit } from '../../src/engine/open-files.js';
import { createLogClient, type LogClient } from '../../src/logs/client.js';
import { formatLine } from '../../src/logs/line.js';
import { type Account, createAccount } from '../../src/platform/accounts.js';
import { type App, createApp } from '../../src/platform/apps.js';
import { createDeployRelease } from '../../src/platform/make-release.js';
import type { Release } from '../../src/platform/releases.js';
import { createRouter, type Router } from '../../src/router/router.js';
import { freePort, ownSubnet } from './own-places.js';
import { makeOwnedDirectory } from './owned-directory.js';
import { newInstance } from './test-instance.js';

export const RUN_IMAGE = 'paas-stack-run:13';

export interface House extends AsyncDisposable {
  readonly db: Database;
  readonly engine: Engine;
  readonly router: Router;
  readonly logs: LogClient;
  readonly account: Account;
  readonly httpPort: number;
  readonly instance: string;
  dynos: Dynos;
  /** Ends the loop, as a stop of the daemon does, and starts a new one on the same data. */
  restartLoop(meanwhile?: () => Promise<void>): Promise<void>;
  createApp(name: string): App;
  /** A release of the run image with these process types. */
  deploy(app: App, processTypes: Record<string, string>): Promise<Release>;
  /** Waits for the release's outcome. */
  settle(release: Release): Promise<string>;
  /** The app's log as text, with all that the loop has written so far; what apps print may come later. */
  logText(app: App): Promise<string>;
  request(app: App, path?: string): Promise<{ status: number; body: string }>;
}

/**
 * Waits until `check` returns something; fails with `what` after the deadline. It rests as long as a look took: programs that
 * are started to look would have the processor to themselves, and builds run only when nobody else does.
 */
export async function eventually<Result>(
  what: string,
  check: () => Promise<Result | undefined | false> | Result | undefined | false,
  deadlineMs = 30_000,
): Promise<Result> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const startedAt = performance.now();
    const result = await check();
    if (result !== undefined && result !== false) return result;
    if (performance.now() > deadline) throw new Error(`timed out waiting: ${what}`);
    await sleep(Math.min(Math.max(25, performance.now() - startedAt), 250));
  }
}

export async function openHouse(
  options: {
    coolOffMs?: number;
    bootTimeoutMs?: number;
    maxBoots?: number;
    stopGraceMs?: number;
    memorySampleMs?: number;
    releaseTimeoutMs?: number;
    rollbackWindowMs?: number;
    cycleMs?: number;
    scalingTimes?: ScalingTimes;
  } = {},
): Promise<House> {
  const dataDir = makeOwnedDirectory('paas-house-');
  const paths = prepareDataDir(dataDir);
  const instance = newInstance();
  writeFileSync(join(dataDir, 'instance-id'), instance);
  const log = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'fatal' });
  const httpPort = await freePort();
  const life = new AbortController();
  const db = openDatabase({
    path: paths.database,
    key: readIdentity(dataDir, { bytes: randomBytes }).key,
    now: Date.now,
  });
  const dockerSocket = '/var/run/docker.sock';
  const engine = createDockerEngine({
    socketPath: dockerSocket,
    instance,
    maxOpenFiles: await readOpenFilesLimit({ pidFile: '/var/run/docker.pid' }),
    log,
  });
  const router = createRouter({
    dir: paths.haproxy,
    bindAddress: '127.0.0.1',
    httpPort,
    maxConnections: 2000,
    threads: 1,
    runAs: undefined,
    haproxyPath: '/usr/sbin/haproxy',
    accessLogPath: paths.accessLog,
    log,
    signal: life.signal,
  });
  // The program is compiled by the global set-up of the integration and e2e tests.
  const collector = spawn(
    process.execPath,
    [resolve(import.meta.dirname, '../../dist/daemon/log-collector.js')],
    {
      env: { PATH: process.env['PATH'], PAAS_DATA_DIR: dataDir, PAAS_LOG_LEVEL: 'error' },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const logs = createLogClient({ socketPath: paths.collectorSocket, clientId: instance, log });
  await router.start();
  await eventually('the log collector', () => logs.health().catch(() => undefined));
  const account = await createAccount(db, {
    email: 'dev@example.com',
    password: 'correct horse',
    isAdmin: true,
  });
  const subnet = ownSubnet(100, 180);

  function startLoop(): { dynos: Dynos; stop: () => Promise<void> } {
    const running = new AbortController();
    const dynos = createDynos({
      db,
      engine,
      router,
      logs,
      log,
      signal: running.signal,
      random: Math.random,
      uptimeMs,
      settings: {
        instance,
        network: `paas-${instance}`,
        subnet,
        domain: 'localhost',
        platform: { host: 'localhost', address: '127.0.0.1:9' },
        pidsLimit: 256,
        bootTimeoutMs: options.bootTimeoutMs ?? 60_000,
        maxBoots: options.maxBoots,
        coolOffMs: options.coolOffMs ?? 1_200_000,
        scalingTimes: options.scalingTimes,
        stopGraceMs: options.stopGraceMs ?? 30_000,
        cycleMs: options.cycleMs ?? 86_400_000,
        releaseTimeoutMs: options.releaseTimeoutMs ?? 3_600_000,
        rollbackWindowMs: options.rollbackWindowMs ?? 0,
        trafficSampleMs: 300,
        memorySampleMs: options.memorySampleMs ?? 20_000,
      },
    });
    const ended = dynos.run();
    return {
      dynos,
      async stop() {
        running.abort();
        await ended.catch(() => undefined);
      },
    };
  }

  let loop = startLoop();
  const house: House = {
    db,
    engine,
    router,
    logs,
    account,
    httpPort,
    instance,
    dynos: loop.dynos,
    async restartLoop(meanwhile) {
      await loop.stop();
      await meanwhile?.();
      loop = startLoop();
      house.dynos = loop.dynos;
    },
    createApp: (name) => createApp(db, { name, owner: account }),
    async deploy(app, processTypes) {
      const image = (await engine.inspectImage(RUN_IMAGE)).id;
      return createDeployRelease(db, {
        app,
        by: account,
        image,
        processTypes,
        buildpacks: [],
        description: 'Deploy',
      });
    },
    async settle(release) {
      const following = house.dynos.rollout(release, AbortSignal.timeout(90_000));
      for (;;) {
        const step = await following.next();
        if (step.done) return step.value.kind;
      }
    },
    async logText(app) {
      await logs.flush();
      return (await logs.read({ appId: app.id, lines: 1500 })).map(formatLine).join('\n');
    },
    request: (app, path = '/') => requestAs(`${app.name}.localhost`, httpPort, path),
    async [Symbol.asyncDispose]() {
      await loop.stop();
      await router.stop();
      logs.close();
      life.abort();
      collector.kill('SIGTERM');
      if (collector.exitCode === null) await once(collector, 'exit');
      for (const container of await engine.listContainers()) await engine.removeContainer(container.id);
      await engine.removeNetwork(`paas-${instance}`);
      db.close();
      // A process that is ending may still write.
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
  return house;
}

/** A GET through the router with this Host, which fetch would not send. */
export async function requestAs(
  host: string,
  port: number,
  path: string,
  address = '127.0.0.1',
): Promise<{ status: number; body: string }> {
  return await new Promise((resolve, reject) => {
    const get = httpRequest({
      host: address,
      port,
      path,
      agent: false,
      headers: { host: `${host}:${port}` },
    });
    get.once('error', reject);
    get.once('response', async (response) => {
      let body = '';
      response.setEncoding('utf8');
      try {
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode ?? 0, body });
      } catch (error) {
        reject(error);
      }
    });
    get.end();
  });
}
