// One sweep: removes what release-images.ts, leftovers.ts, kept-files.ts and build-caches.ts name. Only objects that carry
// this install's label or tag are ever looked at. Safe at any time and to repeat; a part that fails leaves the others.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../db/database.js';
import type { Container, Engine } from '../engine/engine.js';
import { hasImage } from '../engine/has-image.js';
import type { Logger } from '../log.js';
import { listApps } from '../platform/apps.js';
import { listBuilds } from '../platform/builds.js';
import { listReleases, type Release, setReleaseStatus } from '../platform/releases.js';
import { dropCache, listCaches, planCaches } from './build-caches.js';
import { type KeptFile, staleOutputs, staleRepositories, staleUploads, staleWork } from './kept-files.js';
import { planLeftovers } from './leftovers.js';
import { planImages } from './release-images.js';
import { tryAll } from './try-all.js';

export interface SweepDeps {
  readonly db: Database;
  readonly engine: Engine;
  readonly log: Logger;
  /** Whether this daemon works on the build. */
  readonly isBuilding: (buildId: string) => boolean;
  /** A line of the platform for an app's log. */
  readonly say: (appId: string, text: string) => void;
  readonly folders: {
    readonly builds: string;
    readonly uploads: string;
    readonly temporary: string;
    readonly repositories: string;
  };
  readonly settings: SweepSettings;
}

export interface SweepSettings {
  readonly instance: string;
  /** Releases before the current one that stay runnable. */
  readonly keptReleases: number;
  /** Builds per app whose output stays. */
  readonly keptBuilds: number;
  /** Of one app's build cache. */
  readonly cacheMaxBytes: number;
}

/** Images, and files of one folder, that one sweep removes; the rest is for the next. */
const MAX_REMOVALS = 50;

/** Returns whether there is more to do than one sweep does. `needsSpace`: the disk is low, so caches go too. */
export async function sweep(
  deps: SweepDeps,
  options: { needsSpace: boolean; signal: AbortSignal },
): Promise<{ hasMore: boolean }> {
  const containers = await deps.engine.listContainers();
  const parts = [
    () => sweepImages(deps, containers, options.signal),
    () => sweepLeftovers(deps, containers),
    () => sweepCaches(deps, containers, options),
    () => sweepFiles(deps, options.signal),
  ];
  let hasMore = false;
  for (const part of parts) {
    if (options.signal.aborted) break;
    try {
      hasMore = (await part()) || hasMore;
    } catch (error) {
      if (!options.signal.aborted)
        deps.log.warn({ err: error }, 'a part of a sweep failed; the next sweep tries again');
    }
  }
  return { hasMore };
}

async function sweepImages(
  deps: SweepDeps,
  containers: readonly Container[],
  signal: AbortSignal,
): Promise<boolean> {
  const { db, engine, log, settings } = deps;
  const images = await engine.listImages();
  const present = await presentImages(deps, new Set(images.map(({ id }) => id)));
  // From here to the new statuses nothing waits: no rollback can choose a release that is about to expire.
  const plan = planImages({
    releases: releasesByApp(db),
    images,
    present,
    usedImages: new Set(containers.map(({ imageId }) => imageId)),
    keptReleases: settings.keptReleases,
    tagPrefix: `paas-${settings.instance}/`,
    nowMs: db.now(),
  });
  for (const { id } of plan.expired) setReleaseStatus(db, { releaseId: id, status: 'expired' });
  for (const { id } of plan.revived) setReleaseStatus(db, { releaseId: id, status: 'succeeded' });
  await tryAll(plan.remove.slice(0, MAX_REMOVALS), async (image) => {
    if (signal.aborted) return;
    await engine.removeImage(image);
    log.info({ image }, 'image removed: no release that is kept runs it');
  });
  return plan.remove.length > MAX_REMOVALS;
}

/** Digests of the images of releases that the engine has; those without our label or tag are asked for one by one. */
async function presentImages(deps: SweepDeps, listed: ReadonlySet<string>): Promise<Set<string>> {
  const present = new Set(listed);
  const named = new Set([...releasesByApp(deps.db).values()].flat().filter(isRunnable).map(imageOf));
  for (const image of named) {
    if (!present.has(image) && (await hasImage(deps.engine, image))) present.add(image);
  }
  return present;
}

async function sweepLeftovers(deps: SweepDeps, containers: readonly Container[]): Promise<boolean> {
  const { db, engine, log } = deps;
  const [volumes, networks] = [await engine.listVolumes(), await engine.listNetworks()];
  const plan = planLeftovers({
    appIds: appIdsOf(db),
    isBuilding: deps.isBuilding,
    containers,
    volumes,
    networks,
    nowMs: db.now(),
  });
  await tryAll(
    [
      ...plan.containers.map((id) => () => engine.removeContainer(id)),
      ...plan.volumes.map((name) => () => dropCache(engine, name)),
      ...plan.networks.map((name) => () => engine.removeNetwork(name)),
    ],
    (remove) => remove(),
  );
  const count = plan.containers.length + plan.volumes.length + plan.networks.length;
  if (count > 0) log.info(plan, 'leftovers removed');
  return false;
}

async function sweepCaches(
  deps: SweepDeps,
  containers: readonly Container[],
  { needsSpace, signal }: { needsSpace: boolean; signal: AbortSignal },
): Promise<boolean> {
  const { engine, log, settings } = deps;
  const caches = await listCaches(engine, containers, signal);
  for (const { volume, appId, bytes } of planCaches(caches, {
    maxBytes: settings.cacheMaxBytes,
    needsSpace,
  })) {
    if (!(await dropCache(engine, volume))) continue;
    log.info({ volume, bytes }, 'build cache removed');
    const why = needsSpace ? 'the server is low on disk space' : `it was over its limit`;
    deps.say(appId, `The build cache was removed: ${why}. The next build fills it again.`);
  }
  // A build that ends may have left there what made the disk low.
  return needsSpace && caches.some(({ isInUse }) => isInUse);
}

async function sweepFiles(deps: SweepDeps, signal: AbortSignal): Promise<boolean> {
  const { db, folders, isBuilding, settings } = deps;
  const nowMs = db.now();
  const appIds = appIdsOf(db);
  const keptBuilds = new Set(
    listApps(db).flatMap((app) =>
      listBuilds(db, app.id, { limit: settings.keptBuilds }).map(({ id }) => String(id)),
    ),
  );
  const stale: string[] = [];
  const add = (folder: string, names: readonly string[]) =>
    void stale.push(...names.map((name) => join(folder, name)));
  add(folders.builds, staleOutputs(await listFolder(folders.builds), { keptBuilds, nowMs }));
  add(folders.uploads, staleUploads(await listFolder(folders.uploads), { nowMs }));
  add(folders.temporary, staleWork(await listFolder(folders.temporary), { isBuilding, nowMs }));
  add(folders.repositories, staleRepositories(await listFolder(folders.repositories), { appIds, nowMs }));
  await tryAll(stale.slice(0, MAX_REMOVALS), async (path) => {
    if (!signal.aborted) await rm(path, { recursive: true, force: true });
  });
  if (stale.length > 0) deps.log.info({ count: stale.length }, 'old files removed');
  return stale.length > MAX_REMOVALS;
}

async function listFolder(path: string): Promise<KeptFile[]> {
  const names = await readdir(path).catch(() => []);
  const files: KeptFile[] = [];
  for (const name of names) {
    const stats = await stat(join(path, name)).catch(() => undefined);
    if (stats !== undefined) files.push({ name, modifiedAt: stats.mtimeMs });
  }
  return files;
}

function releasesByApp(db: Database): Map<string, Release[]> {
  return new Map(listApps(db).map(({ id }) => [id, listReleases(db, id)]));
}

function appIdsOf(db: Database): Set<string> {
  return new Set(listApps(db).map(({ id }) => id));
}

function isRunnable(release: Release): boolean {
  return release.image !== undefined && (release.status === 'succeeded' || release.status === 'expired');
}

function imageOf(release: Release): string {
  return release.image ?? '';
}
