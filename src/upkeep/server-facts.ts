// Gathers what doctor.ts judges. Each fact on its own: one that cannot be had does not hide the others.

import { readdir, readFile, stat } from 'node:fs/promises';
import { listBackups } from '../db/backups.js';
import type { Database } from '../db/database.js';
import type { BuildCpuState } from '../engine/build-cpu.js';
import { LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { LogClient } from '../logs/client.js';
import { listApps } from '../platform/apps.js';
import { listCaches } from './build-caches.js';
import { forecastDisk } from './disk-forecast.js';
import { listSamples } from './disk-samples.js';
import type { DiskSpace } from './disk-space.js';
import { type Consumer, ENGINE_CACHE, type Fact, type ServerFacts } from './doctor.js';
import { countDroppedRouterLines } from './dropped-router-lines.js';
import type { LayerWatch } from './layer-watch.js';
import { planLeftovers } from './leftovers.js';
import { appOfImage } from './release-images.js';
import { measureTree } from './tree-size.js';

export interface FactSources {
  readonly db: Database;
  readonly engine: Engine;
  readonly logs: Pick<LogClient, 'health' | 'stats'>;
  readonly space: DiskSpace;
  readonly layers: Pick<LayerWatch, 'unreadable'>;
  readonly isBuilding: (buildId: string) => boolean;
  readonly isRouterUp: () => Promise<boolean>;
  readonly buildCpu: () => Promise<BuildCpuState>;
  /** Names of apps with a dyno that should run and does not. */
  readonly unhealthyApps: () => readonly string[];
  readonly stackImage: string;
  readonly settings: { readonly instance: string };
  readonly paths: {
    readonly database: string;
    readonly logDatabase: string;
    readonly backups: string;
    readonly builds: string;
    readonly repositories: string;
    readonly uploads: string;
    readonly temporary: string;
    readonly ballast: string;
    /** The folder of what the daemon and the collector say. */
    readonly ownLogs: string;
  };
}

const MAX_ENTRIES = 200_000;

/** What is known of the server now; takes some seconds on a big one. */
export async function gatherFacts(sources: FactSources): Promise<ServerFacts> {
  const { db, engine, logs } = sources;
  return {
    engine: await fact(async () => {
      const before = db.now();
      const { version, isLiveRestore, systemTimeMs } = await engine.info();
      return { version, isLiveRestore, skewMs: systemTimeMs - (before + db.now()) / 2 };
    }),
    isRouterUp: await sources.isRouterUp().catch(() => false),
    collector: await fact(async () => {
      const [{ pid }, { unstored }] = [await logs.health(), await logs.stats()];
      return { pid, unstored };
    }),
    droppedRouterLines: await fact(async () => countDroppedRouterLines(db)),
    database: await fact(() => databaseFacts(sources)),
    disks: await fact(() => readDisks(sources)),
    consumers: await fact(() => listConsumers(sources)),
    leftovers: await fact(() => countLeftovers(sources)),
    openFiles: await fact(readOpenFiles),
    buildCpu: await fact(sources.buildCpu),
    apps: await fact(async () => ({ count: listApps(db).length, unhealthy: sources.unhealthyApps() })),
    unreadableLayers: sources.layers.unreadable,
  };
}

/** The file systems with their forecasts. */
export async function readDisks({ db, space }: Pick<FactSources, 'db' | 'space'>) {
  return (await space.read()).map((system) => ({
    ...system,
    forecast: forecastDisk(listSamples(db, system.holds)),
  }));
}

async function fact<Value>(look: () => Promise<Value>): Promise<Fact<Value>> {
  try {
    return await look();
  } catch (error) {
    return { error: error instanceof PaasError || error instanceof Error ? error.message : String(error) };
  }
}

async function databaseFacts({ db, paths }: FactSources) {
  const [row] = db.sql.pragma('quick_check(1)') as { quick_check: string }[];
  const broken = db.sql.pragma('foreign_key_check') as unknown[];
  const newest = listBackups(paths.backups)[0];
  const orphans = broken.length === 0 ? undefined : `${broken.length} rows refer to nothing`;
  return {
    damage: row?.quick_check === 'ok' ? orphans : String(row?.quick_check),
    bytes: await fileBytes(paths.database),
    newestBackupAgeMs: newest && Math.max(0, db.now() - newest.madeAt),
  };
}

async function listConsumers(sources: FactSources): Promise<Consumer[]> {
  const { engine, paths } = sources;
  const logs = (await fileBytes(paths.logDatabase)) + (await fileBytes(`${paths.logDatabase}-wal`));
  const all: Consumer[] = [
    { what: 'log lines', bytes: logs },
    { what: "the platform's own logs", bytes: await treeBytes(paths.ownLogs) },
    { what: 'repositories', bytes: await treeBytes(paths.repositories) },
    { what: 'build outputs', bytes: await treeBytes(paths.builds) },
    { what: 'uploads', bytes: await treeBytes(paths.uploads) },
    { what: 'work of builds', bytes: await treeBytes(paths.temporary) },
    { what: 'database backups', bytes: await treeBytes(paths.backups) },
    { what: 'ballast', bytes: await fileBytes(paths.ballast) },
    { what: ENGINE_CACHE, bytes: await engine.buildCacheBytes() },
    ...(await imageConsumers(sources)),
    ...(await cacheConsumers(sources)),
  ];
  return all.sort((a, b) => b.bytes - a.bytes);
}

/** Images by app. What slugs share with the stack image is left out. */
async function imageConsumers({ db, engine, stackImage, settings }: FactSources): Promise<Consumer[]> {
  const names = new Map(listApps(db).map(({ id, name }) => [String(id), name]));
  const stackBytes = await engine.inspectImage(stackImage).then(
    ({ sizeBytes }) => sizeBytes,
    () => 0,
  );
  const bytes = new Map<string, number>();
  for (const { labels, tags, sizeBytes } of await engine.listImages()) {
    const what = `images of ${names.get(appOfImage({ labels, tags }, `paas-${settings.instance}/`)) ?? 'no app'}`;
    const own = labels[LABEL.build] ? Math.max(0, sizeBytes - stackBytes) : sizeBytes;
    bytes.set(what, (bytes.get(what) ?? 0) + own);
  }
  return [...bytes].map(([what, sum]) => ({ what, bytes: sum }));
}

async function cacheConsumers({ db, engine }: FactSources): Promise<Consumer[]> {
  const names = new Map(listApps(db).map(({ id, name }) => [String(id), name]));
  const caches = await listCaches(engine, []);
  return caches.map(({ appId, bytes }) => ({
    what: `build cache of ${names.get(appId) ?? 'no app'}`,
    bytes,
  }));
}

async function countLeftovers({ db, engine, isBuilding }: FactSources): Promise<number> {
  const found = planLeftovers({
    appIds: new Set<string>(listApps(db).map(({ id }) => id)),
    isBuilding,
    containers: await engine.listContainers(),
    volumes: await engine.listVolumes(),
    networks: await engine.listNetworks(),
    nowMs: db.now(),
  });
  return found.containers.length + found.volumes.length + found.networks.length;
}

async function readOpenFiles(): Promise<{ used: number; limit: number }> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return { used: (await readdir('/proc/self/fd')).length, limit: Number(limit ?? 0) };
}

async function fileBytes(path: string): Promise<number> {
  return await stat(path).then(
    ({ blocks }) => blocks * 512,
    () => 0,
  );
}

async function treeBytes(path: string): Promise<number> {
  return (await measureTree(path, { maxEntries: MAX_ENTRIES }))?.bytes ?? 0;
}
