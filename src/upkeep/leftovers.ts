// What of ours nobody needs: objects of the engine whose app or build is no more. Pure: sweep.ts removes them.

import { LABEL } from '../engine/container-spec.js';
import type { Container, LabelledObject } from '../engine/engine.js';

export interface Leftovers {
  /** Ids of containers. */
  readonly containers: readonly string[];
  /** Names. */
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
}

/** What is younger may belong to something that is being made, or removed, right now. */
const GRACE_MS = 10 * 60 * 1000;
/** A container that was never started waits for somebody who went away. */
const UNSTARTED_GRACE_MS = 3600 * 1000;

/** Everything given here carries this install's label. What carries no app belongs to the platform, and stays. */
export function planLeftovers(options: {
  appIds: ReadonlySet<string>;
  isBuilding: (buildId: string) => boolean;
  containers: readonly Container[];
  volumes: readonly LabelledObject[];
  networks: readonly LabelledObject[];
  nowMs: number;
}): Leftovers {
  const { appIds, nowMs } = options;
  const isOrphan = ({ labels, createdAt }: Pick<LabelledObject, 'labels' | 'createdAt'>) => {
    const appId = labels[LABEL.app];
    return Boolean(appId) && !appIds.has(appId ?? '') && nowMs - createdAt > GRACE_MS;
  };
  return {
    containers: options.containers
      .filter((it) => isOrphan(it) || isAbandoned(it, options))
      .map((it) => it.id),
    volumes: options.volumes.filter(isOrphan).map(({ name }) => name),
    networks: options.networks.filter(isOrphan).map(({ name }) => name),
  };
}

function isAbandoned(
  container: Container,
  options: { isBuilding: (buildId: string) => boolean; nowMs: number },
): boolean {
  const { labels, state, createdAt } = container;
  const ageMs = options.nowMs - createdAt;
  const role = labels[LABEL.role];
  if (role === 'build' || role === 'image-assembly') {
    return ageMs > GRACE_MS && !options.isBuilding(labels[LABEL.build] ?? '');
  }
  // Whoever runs one removes it at its end, unless it went away.
  if (role === 'one-off' && (state === 'exited' || state === 'dead')) return ageMs > GRACE_MS;
  const runsOnce = role === 'one-off' || role === 'release-phase';
  return runsOnce && state === 'created' && ageMs > UNSTARTED_GRACE_MS;
}
