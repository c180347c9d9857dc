// Constructs the upkeep and connects it: who is told what it finds.

import { join } from 'node:path';
import type { Deploys } from '../build/deploys.js';
import type { Database } from '../db/database.js';
import type { Dynos } from '../dynos/dynos.js';
import type { BuildCpu } from '../engine/build-cpu.js';
import { LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import type { Firewall } from '../firewall/firewall.js';
import type { LogClient } from '../logs/client.js';
import { getApp, listApps } from '../platform/apps.js';
import { listUnfinishedBuilds } from '../platform/builds.js';
import { listShadowedHosts } from '../platform/hosts.js';
import { findHaproxy } from '../router/haproxy-process.js';
import type { MeterReport } from '../router/request-meter.js';
import type { Router } from '../router/router.js';
import { CONFIG_FILE } from '../router/settings.js';
import type { DiskSpace } from '../upkeep/disk-space.js';
import { type LoopWork, watchEventLoop } from '../upkeep/event-loop.js';
import { createLayerWatch, type LayerNotice } from '../upkeep/layer-watch.js';
import type { RequestCounts } from '../upkeep/server-metrics.js';
import { createServerUpkeep, type ServerUpkeep } from '../upkeep/server-upkeep.js';
import { findSetAsideLogs } from '../upkeep/set-aside-logs.js';
import { describeShadowedHosts } from '../upkeep/shadowed-hosts.js';
import { runUpkeep, TIMING, type UpkeepDeps } from '../upkeep/upkeep.js';
import type { CollectorStalls } from './collector-stalls.js';
import type { DiskConfig } from './disk-config.js';
import type { DaemonOptions } from './wire.js';
import { describeFirewall } from './wire-firewall.js';

interface Parts {
  readonly router: Pick<Router, 'droppedLines'>;
  readonly db: Database;
  readonly engine: Engine;
  readonly buildCpu: Pick<BuildCpu, 'state'>;
  readonly logs: LogClient;
  readonly dynos: Dynos;
  readonly deploys: Deploys;
  readonly space: DiskSpace;
  readonly disk: DiskConfig;
  readonly firewall: Firewall;
  readonly stalls: CollectorStalls;
}

/** What the API asks of it, and `run`, which goes on until the signal aborts. */
export interface WiredUpkeep extends ServerUpkeep {
  run(signal: AbortSignal): Promise<void>;
  /** Ends the watch of the event loop, also when `run` was never called. Before the database is closed. */
  stop(): void;
}

/** The upkeep of this daemon. Before `run` only the event loop is watched. */
export function wireUpkeep(options: DaemonOptions, parts: Parts): WiredUpkeep {
  const { paths, identity } = options;
  const { db, engine, logs, dynos, deploys, space, disk, firewall } = parts;
  const log = options.log.child({ part: 'upkeep' });
  const deps: UpkeepDeps = {
    db,
    engine,
    log,
    space,
    layers: createLayerWatch({
      engine,
      limits: { dynoBytes: disk.dynoBytes, buildBytes: disk.buildBytes },
      notify: (notice) => takeNotice(parts, notice),
      log,
    }),
    isBuilding: (buildId) => deploys.find(buildId) !== undefined,
    say: (appId, text) => logs.write([{ appId, source: 'heroku', process: 'upkeep', text }]),
    folders: paths,
    paths,
    settings: {
      instance: identity.instance,
      keptReleases: disk.keptReleases,
      keptBuilds: disk.keptBuilds,
      cacheMaxBytes: disk.cacheMaxBytes,
    },
    timing: { ...TIMING, checkMs: disk.checkMs },
    ballastBytes: disk.ballastBytes,
    keptBackups: disk.keptBackups,
  };
  const { platformHost, domain: platformDomain } = options.config;
  const place = { platformHost, platformDomain };
  const loop = watchEventLoop({ work: () => currentWork(parts), log });
  const server = createServerUpkeep({
    ...deps,
    logs,
    buildCpu: () => parts.buildCpu.state(),
    stackImage: options.config.stackRunImage,
    isRouterUp: async () => (await findHaproxy(join(paths.haproxy, CONFIG_FILE))).length > 0,
    unhealthyApps: () => unhealthyApps(parts),
    dynoStates: () => countDynos(parts),
    passMs: dynos.passMs,
    eventLoopLag: loop.takeDelay,
    requests: async () => countRequests((await logs.requests()) as MeterReport),
    droppedRouterLines: () => parts.router.droppedLines(),
    memoryBytes: () => process.memoryUsage.rss(),
    moreFindings: [
      async () => [describeFirewall(firewall.state()), loop.finding(), ...parts.stalls.findings()],
      async () => [describeShadowedHosts(listShadowedHosts(db, place))],
      () => findSetAsideLogs(paths.logDatabase),
    ],
    paths,
  });
  return { ...server, run: (signal) => runUpkeep(deps, signal), stop: loop.stop };
}

function currentWork({ db, dynos }: Parts): LoopWork {
  const building = listUnfinishedBuilds(db).filter(({ status }) => status === 'pending');
  return {
    builds: building.map(({ appId }) => getApp(db, appId)?.name ?? appId),
    passMs: dynos.passMs(),
  };
}

function unhealthyApps({ db, dynos }: Parts): string[] {
  return listApps(db)
    .filter((app) => dynos.formation(app).some(({ state }) => state === 'crashed'))
    .map(({ name }) => name);
}

function countDynos({ db, dynos }: Parts): Record<string, number> {
  const counts: Record<string, number> = { up: 0, starting: 0, crashed: 0, down: 0 };
  for (const app of listApps(db)) {
    for (const { state } of dynos.formation(app)) counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

function countRequests({ apps }: MeterReport): Map<string, RequestCounts> {
  return new Map(
    Object.entries(apps).map(([appId, { count, classes }]) => [
      appId,
      // A collector of an earlier version counts no classes.
      { reached: count, classes: classes ?? [] },
    ]),
  );
}

/** A container is near its disk limit, or over it. */
async function takeNotice(
  { engine, logs, dynos, deploys }: Parts,
  { kind, container, bytes, limitBytes, biggest, text }: LayerNotice,
): Promise<void> {
  const { labels } = container;
  const appId = labels[LABEL.app];
  const role = labels[LABEL.role];
  if (appId === undefined) return;
  const process = role === 'build' ? 'build' : `${labels[LABEL.type]}.${labels[LABEL.number]}`;
  const say = () => logs.write([{ appId, source: 'heroku', process, text }]);
  if (kind === 'near') say();
  else if (role === 'dyno') {
    dynos.condemn(container.id, {
      kind: 'disk-exceeded',
      reason: text,
      evidence: { bytes, limitBytes, biggest },
    });
  } else if (role === 'build') {
    await deploys.find(labels[LABEL.build] ?? '')?.cancel(text);
  } else {
    say();
    await engine.signalContainer(container.id, 'SIGKILL');
  }
}
