// Which ends of containers the engine told us of when they happened. After a loss of power, or a death of the engine, it
// finds containers that are no more, does not know how they ended, and tells nobody.

import type { Container, ContainerDetails, ContainerEvent } from '../engine/engine.js';

export interface SeenEnds {
  /** Takes any event. */
  onEvent(event: ContainerEvent): void;
  has(containerId: string): boolean;
  /**
   * The container as it is. The engine's list shows one as running until its network and mounts are cleared away, for
   * seconds on a busy server, after its end was told.
   */
  readonly apply: (container: Container) => Container;
}

export function createSeenEnds(): SeenEnds {
  const seen = new Set<string>();
  return {
    onEvent({ kind, containerId }) {
      if (kind === 'die') seen.add(containerId);
      if (kind === 'destroy' || kind === 'start') seen.delete(containerId);
    },
    has: (containerId) => seen.has(containerId),
    apply: (container) =>
      container.state === 'running' && seen.has(container.id) ? { ...container, state: 'exited' } : container,
  };
}

// What Docker writes for a process that was gone when it started.
const UNKNOWN_EXIT = 255;

/** Whether a container ended with the server or its engine, and not by itself. Pure. */
export function endedWithServer(end: Pick<ContainerDetails, 'exitCode'>, wasSeen: boolean): boolean {
  return end.exitCode === UNKNOWN_EXIT && !wasSeen;
}
