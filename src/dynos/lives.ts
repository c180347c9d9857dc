// What the loop knows of containers and the engine does not: which are up, which are being stopped, which slots are
// being started. Rebuilt at start by adoption.
//
// A pass works on a list that the engine made some time ago. What began or ended since then is kept in mind until the
// next list, so that no dyno is started twice and none is stopped that is gone.

import type { Phase, Verdict } from './dyno.js';

export interface Life {
  readonly phase: Phase;
  /** Epoch ms of the last change of phase. */
  readonly since: number;
  /** Aborts when the container's check no longer matters: it ended, or is being stopped. */
  readonly checking: AbortController;
  /** Set when it runs and must not go on. */
  readonly verdict?: Verdict;
  /** It has ended and that is recorded: only its removal is left, which nobody needs to wait for. */
  readonly isOver?: true;
}

/** The lives of this install's dyno containers, by container id. */
export interface Lives {
  get(containerId: string): Life | undefined;
  /** Enters a phase, now or at `since`. A container that is being stopped stays so: returns false then. */
  enter(containerId: string, phase: Phase, since?: number): boolean;
  /** The next pass ends this container as a crash. Returns false when it is being stopped or gone anyway. */
  condemn(containerId: string, verdict: Verdict): boolean;
  /** Of a container that is being stopped: it has ended, and what there was to record of that is recorded. */
  markOver(containerId: string): void;
  /** The container has been removed. */
  forget(containerId: string): void;
  /** Slots whose container is being created, or was after the list of this pass was asked for; by slot key. */
  readonly starting: ReadonlySet<string>;
  beginStart(slotKey: string): void;
  endStart(slotKey: string): void;
  /**
   * Call before the engine is asked for its list, and the result with the list: what is not on it is gone. A list of
   * some apps can miss only those that `expected` names.
   */
  beginPass(): (listed: ReadonlySet<string>, expected?: ReadonlySet<string>) => void;
  /** Whether the container was removed after the list of this pass was asked for. */
  isGone(containerId: string): boolean;
}

export function createLives(now: () => number): Lives {
  const lives = new Map<string, Life>();
  const starting = new Set<string>();
  const started = new Set<string>();
  const gone = new Set<string>();

  function forget(containerId: string): void {
    lives.get(containerId)?.checking.abort();
    lives.delete(containerId);
    gone.add(containerId);
  }

  return {
    starting,
    get: (containerId) => lives.get(containerId),
    enter(containerId, phase, since = now()) {
      const before = lives.get(containerId);
      if (before?.phase === 'stopping' || gone.has(containerId)) return false;
      if (phase === 'stopping') before?.checking.abort();
      const checking = before?.checking ?? new AbortController();
      lives.set(containerId, { ...before, phase, since, checking });
      return true;
    },
    condemn(containerId, verdict) {
      const life = lives.get(containerId);
      if (life === undefined || life.phase === 'stopping' || life.verdict !== undefined) return false;
      lives.set(containerId, { ...life, verdict });
      return true;
    },
    markOver(containerId) {
      const life = lives.get(containerId);
      if (life !== undefined) lives.set(containerId, { ...life, isOver: true });
    },
    forget,
    beginStart: (slotKey) => void starting.add(slotKey),
    endStart: (slotKey) => void started.add(slotKey),
    beginPass() {
      const known = [...lives.keys()];
      gone.clear();
      for (const slotKey of started) starting.delete(slotKey);
      started.clear();
      return (listed, expected) => {
        const missing = known.filter((id) => !listed.has(id) && (expected === undefined || expected.has(id)));
        for (const id of missing) if (lives.has(id)) forget(id);
      };
    },
    isGone: (containerId) => gone.has(containerId),
  };
}
