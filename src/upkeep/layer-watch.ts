// The watchdog of writable layers: the engine cannot limit what a container writes on most file systems, so the
// directories are measured here. Each container costs at most a fiftieth of a core.

import { LABEL } from '../engine/container-spec.js';
import type { Container, Engine } from '../engine/engine.js';
import type { Logger } from '../log.js';
import { formatBytes } from './disk-space.js';
import { MAX_DEPTH, measureTree, type TreeSize } from './tree-size.js';

export interface LayerLimits {
  /** Of a dyno, a one-off dyno and a release command. */
  readonly dynoBytes: number;
  readonly buildBytes: number;
}

/** What happened to a container's layer. `text` is for the app's log. */
export interface LayerNotice {
  readonly kind: 'near' | 'exceeded';
  readonly container: Container;
  readonly bytes: number;
  readonly limitBytes: number;
  /** Directories that hold most, as `/app/tmp 812 MB`. */
  readonly biggest: readonly string[];
  readonly text: string;
}

export interface LayerWatch {
  /** Measures all running containers whose turn it is, or those that had used half of what they may. */
  check(which: 'all' | 'large', signal: AbortSignal): Promise<void>;
  /** Measure again at once when the disk has lost this much. */
  readonly alarmBytes: number;
  /** Containers whose layer could not be read the last time. */
  readonly unreadable: number;
}

interface Watched {
  readonly path: string | undefined;
  dueAt: number;
  hasWarned: boolean;
}

const MAX_ENTRIES = 1_000_000;
const NEAR = 0.8;
const REST = 50;

/** `notify` is told once of each container that comes near its limit, and at each look at one that is over it. */
export function createLayerWatch(options: {
  engine: Pick<Engine, 'listContainers' | 'layerPath'>;
  limits: LayerLimits;
  notify: (notice: LayerNotice) => Promise<void>;
  log: Logger;
}): LayerWatch {
  const watched = new Map<string, Watched>();
  const large = new Map<string, Container>();
  let unreadable = 0;

  async function look(container: Container, signal: AbortSignal): Promise<void> {
    const entry = watched.get(container.id) ?? {
      path: await options.engine.layerPath(container.id),
      dueAt: 0,
      hasWarned: false,
    };
    watched.set(container.id, entry);
    if (performance.now() < entry.dueAt) return;
    const startedAt = performance.now();
    const size =
      entry.path === undefined
        ? undefined
        : await measureTree(entry.path, { maxEntries: MAX_ENTRIES, signal });
    const endedAt = performance.now();
    entry.dueAt = endedAt + (endedAt - startedAt) * REST;
    if (size !== undefined) return await judge(container, entry, size);
    large.delete(container.id);
    // One that is gone meanwhile is no riddle.
    const isThere = entry.path === undefined || (await options.engine.layerPath(container.id)) !== undefined;
    if (isThere) unreadable += 1;
  }

  async function judge(container: Container, entry: Watched, size: TreeSize): Promise<void> {
    const limitBytes = limitOf(container, options.limits);
    if (size.bytes >= limitBytes / 2) large.set(container.id, container);
    else large.delete(container.id);
    const isNear = size.bytes >= limitBytes * NEAR;
    const isOver = size.bytes >= limitBytes || !size.isComplete;
    if (isOver) {
      // Measured again at once if it should still be there.
      entry.dueAt = 0;
      await options.notify(toNotice('exceeded', container, size, limitBytes));
    } else if (isNear && !entry.hasWarned) {
      await options.notify(toNotice('near', container, size, limitBytes));
    }
    entry.hasWarned = isNear;
  }

  async function lookSafely(container: Container, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await look(container, signal).catch((error: unknown) => {
      if (!signal.aborted) options.log.warn({ err: error, container: container.name }, 'layer not measured');
    });
  }

  return {
    get unreadable() {
      return unreadable;
    },
    alarmBytes: options.limits.dynoBytes / 4,
    async check(which, signal) {
      if (which === 'large') {
        for (const container of large.values()) await lookSafely(container, signal);
        return;
      }
      const running = (await options.engine.listContainers()).filter(({ state }) => state === 'running');
      const ids = new Set(running.map(({ id }) => id));
      for (const kept of [watched, large]) keepOnly(kept, ids);
      unreadable = 0;
      for (const container of running) {
        await lookSafely(container, signal);
      }
    },
  };
}

function keepOnly(map: Map<string, unknown>, ids: ReadonlySet<string>): void {
  for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
}

function limitOf(container: Container, limits: LayerLimits): number {
  return container.labels[LABEL.role] === 'build' ? limits.buildBytes : limits.dynoBytes;
}

function toNotice(
  kind: LayerNotice['kind'],
  container: Container,
  size: TreeSize,
  limitBytes: number,
): LayerNotice {
  const biggest = size.biggest.map(({ path, bytes }) => `${path} ${formatBytes(bytes)}`);
  const used = describeUse(size);
  const where = `most is in ${biggest.join(', ')}`;
  const disk = container.labels[LABEL.role] === 'build' ? "the build's disk" : "the dyno's own disk";
  const limit = formatBytes(limitBytes);
  const text =
    kind === 'near'
      ? `Disk quota nearly used -> ${used} of ${limit} written to ${disk}, which is lost when it ends; ${where}`
      : `Disk quota exceeded -> ${used} written to ${disk}, the limit is ${limit}; ${where}`;
  return { kind, container, bytes: size.bytes, limitBytes, biggest, text };
}

function describeUse({ bytes, entries, isComplete, isTooDeep }: TreeSize): string {
  if (isTooDeep) return `directories within directories, more than ${MAX_DEPTH} deep,`;
  return isComplete ? formatBytes(bytes) : `${entries} files`;
}
