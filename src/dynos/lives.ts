// What the loop knows of containers and the engine does not: which are up, which are being stopped, which slots are
// being started. Rebuilt at start by adoption.

import type { Phase } from './dyno.js';

export interface Life {
  readonly phase: Phase;
  /** Epoch ms of the last change of phase. */
  readonly since: number;
  /** Aborts when the container's check no longer matters: it ended, or is being stopped. */
  readonly checking: AbortController;
}

/** The lives of this install's dyno containers, by container id. */
export interface Lives {
  get(containerId: string): Life | undefined;
  /** Enters a phase. A container that is being stopped stays so: returns false then. */
  enter(containerId: string, phase: Phase): boolean;
  forget(containerId: string): void;
  /** Forgets the containers that the engine no longer has. */
  keepOnly(containerIds: ReadonlySet<string>): void;
  /** Slots whose container is being created, by slot key. */
  readonly starting: Set<string>;
}

export function createLives(now: () => number): Lives {
  const lives = new Map<string, Life>();

  function forget(containerId: string): void {
    lives.get(containerId)?.checking.abort();
    lives.delete(containerId);
  }

  return {
    starting: new Set(),
    get: (containerId) => lives.get(containerId),
    enter(containerId, phase) {
      const before = lives.get(containerId);
      if (before?.phase === 'stopping') return false;
      if (phase === 'stopping') before?.checking.abort();
      const checking = before?.checking ?? new AbortController();
      lives.set(containerId, { phase, since: now(), checking });
      return true;
    },
    forget,
    keepOnly(containerIds) {
      for (const id of lives.keys()) if (!containerIds.has(id)) forget(id);
    },
  };
}
