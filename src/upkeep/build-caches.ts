// Build caches: one volume an app. One that has outgrown its limit goes as a whole, through the engine, which refuses
// while a build uses it: taking single files out of it would race with the code that writes there.

import { LABEL } from '../engine/container-spec.js';
import type { Container, Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import { measureTree } from './tree-size.js';

export interface BuildCache {
  readonly volume: string;
  readonly appId: string;
  readonly bytes: number;
  /** Epoch ms of the last change of the cache's own directory. */
  readonly createdAt: number;
  readonly isInUse: boolean;
}

const MAX_ENTRIES = 500_000;

/** The caches and their sizes, without those whose directory cannot be read here. */
export async function listCaches(
  engine: Pick<Engine, 'listVolumes'>,
  containers: readonly Container[],
  signal?: AbortSignal,
): Promise<BuildCache[]> {
  const building = new Set(
    containers.filter(({ labels }) => labels[LABEL.role] === 'build').map(({ labels }) => labels[LABEL.app]),
  );
  const caches: BuildCache[] = [];
  for (const { name, labels, path, createdAt } of await engine.listVolumes()) {
    const appId = labels[LABEL.app];
    if (!appId || !name.startsWith('paas-cache-')) continue;
    const size = await measureTree(path, { maxEntries: MAX_ENTRIES, ...(signal && { signal }) });
    if (size === undefined) continue;
    // A tree with that many entries is over any limit in the way that matters: inodes.
    const bytes = size.isComplete ? size.bytes : Number.MAX_SAFE_INTEGER;
    caches.push({ volume: name, appId, bytes, createdAt, isInUse: building.has(appId) });
  }
  return caches;
}

/** Caches to drop: those over the limit; all, oldest first, when `needsSpace`. Pure. */
export function planCaches(
  caches: readonly BuildCache[],
  options: { maxBytes: number; needsSpace: boolean },
): BuildCache[] {
  return caches
    .filter((cache) => !cache.isInUse && (options.needsSpace || cache.bytes > options.maxBytes))
    .sort((a, b) => a.createdAt - b.createdAt);
}

/** Removes a cache; false when a build has just taken it. */
export async function dropCache(engine: Pick<Engine, 'removeVolume'>, volume: string): Promise<boolean> {
  try {
    await engine.removeVolume(volume);
    return true;
  } catch (error) {
    if (error instanceof PaasError && error.id === 'conflict') return false;
    throw error;
  }
}
