// Carries out what the plan says: each action begins at once and goes on beside the loop, which hears of its end.

import { isDeepStrictEqual } from 'node:util';
import { anySignal } from '../any-signal.js';
import type { Database } from '../db/database.js';
import { readCpuSeconds } from '../engine/cgroup-cpu.js';
import { LABEL } from '../engine/container-spec.js';
import type { Container, Engine } from '../engine/engine.js';
import { assertNever } from '../errors.js';
import type { AppId } from '../ids.js';
import type { Logger } from '../log.js';
import { getDynoSettings } from '../platform/dyno-settings.js';
import type { Router } from '../router/router.js';
import { awaitDynoUp } from './await-up.js';
import { type BootPlaces, createBootPlaces, untilIdle } from './boot-places.js';
import { type DynoContainer, readDynoContainer, type Verdict } from './dyno.js';
import type { Lives } from './lives.js';
import type { OutOfMemory } from './out-of-memory.js';
import { type Action, type Slot, type StopReason, slotKey } from './plan.js';
import type { SeenEnds } from './seen-ends.js';
import { type StartDynoDeps, startDyno } from './start-dyno.js';
import { buryDyno, endCondemned, type StopDynoDeps, stopDyno, tellCycling } from './stop-dyno.js';
import type { Wakeup } from './wakeup.js';

/** The hands of the loop. */
export interface Hands {
  begin(action: Action, signal: AbortSignal): void;
  /** The starts that wait for a place to boot. */
  waiting(): readonly Slot[];
  /** Ends those of these containers whose app is not among `appIds`. */
  endStrangers(appIds: ReadonlySet<string>, containers: readonly Container[], signal: AbortSignal): void;
  /** Removes a container that was made for a dyno of this app and will not be started. */
  discard(containerId: string, appId: AppId): void;
  /** Follows work on an app's dyno to its end, which the loop hears of. */
  follow(work: Promise<void>, about: { what: string; appId: AppId }): void;
}

export interface HandsDeps {
  readonly db: Database;
  readonly engine: Engine;
  readonly router: Pick<Router, 'sessions'>;
  readonly lives: Lives;
  readonly log: Logger;
  readonly start: StartDynoDeps;
  readonly outOfMemory: Pick<OutOfMemory, 'lastAt'>;
  readonly seenEnds: SeenEnds;
  readonly wakeup: Pick<Wakeup, 'wake'>;
  /** Ms since the server started. */
  readonly uptimeMs: () => number;
  readonly settings: {
    /** First cool-off of a dyno that crashed twice. */
    readonly coolOffMs: number;
    /** Time between SIGTERM and SIGKILL, where the app has none of its own. */
    readonly stopGraceMs: number;
    /** How many dynos boot at once; undefined: as in production. */
    readonly maxBoots?: number | undefined;
  };
  /** Addresses of all containers, as far as they were listed. */
  readonly usedAddresses: () => ReadonlySet<string>;
  /** Resolves once the router has been told of the present phases of an app's dynos. */
  readonly routed: (appId: AppId, signal: AbortSignal) => Promise<void>;
}

const FAILED_PAUSE_MS = 1000;

export function createHands(deps: HandsDeps): Hands {
  return new LoopHands(deps);
}

class LoopHands implements Hands {
  readonly #deps: HandsDeps;
  readonly #stopDeps: StopDynoDeps;
  readonly #bootPlaces: BootPlaces;
  readonly #waiting = new Map<Slot, AbortController>();
  /** Containers of nobody's dynos that are being removed. */
  readonly #removing = new Set<string>();

  constructor(deps: HandsDeps) {
    const { db, start, settings } = deps;
    this.#deps = deps;
    this.#bootPlaces = createBootPlaces(settings.maxBoots);
    this.#stopDeps = {
      ...deps,
      wake: (appId) => deps.wakeup.wake(appId),
      graceMs: (appId) => getDynoSettings(db, appId).stopGraceMs ?? settings.stopGraceMs,
      dynoLog: start.dynoLog,
      onStep: start.onStep,
    };
  }

  begin(action: Action, signal: AbortSignal): void {
    switch (action.kind) {
      case 'start':
        this.#start(action, signal);
        break;
      case 'abandon':
        this.#abandon(action.slot);
        break;
      case 'stop':
        this.#stop(action.container, action.why, signal);
        break;
      case 'condemn':
        this.#condemn(action.container, action, signal);
        break;
      case 'bury':
        this.#bury(action.container, action.isCurrent, signal);
        break;
      default:
        assertNever(action);
    }
  }

  waiting(): readonly Slot[] {
    return [...this.#waiting.keys()];
  }

  endStrangers(appIds: ReadonlySet<string>, containers: readonly Container[], signal: AbortSignal): void {
    for (const container of containers) {
      // Only our own specs write this label, from an AppId.
      const appId = container.labels[LABEL.app] as AppId | undefined;
      const role = container.labels[LABEL.role];
      if (appId === undefined || appIds.has(appId) || this.#removing.has(container.id)) continue;
      const dyno = readDynoContainer(container, 'up');
      if (dyno?.isRunning) this.#stop(dyno, 'surplus', signal);
      else if (role === 'dyno' || role === 'one-off' || role === 'release-phase')
        this.discard(container.id, appId);
    }
  }

  discard(containerId: string, appId: AppId): void {
    const { engine, lives } = this.#deps;
    if (this.#removing.has(containerId)) return;
    this.#removing.add(containerId);
    const removed = engine.removeContainer(containerId).then(() => lives.forget(containerId));
    this.follow(
      removed.finally(() => this.#removing.delete(containerId)),
      { what: 'remove', appId },
    );
  }

  follow(work: Promise<void>, { what, appId }: { what: string; appId: AppId }): void {
    const { log, wakeup } = this.#deps;
    work.then(
      () => wakeup.wake(appId),
      (error: unknown) => {
        const isShutdown = error instanceof Error && error.name === 'AbortError';
        if (!isShutdown) log.warn({ err: error, what }, 'an action of the loop failed');
        // It is planned again, and may fail again at once.
        setTimeout(() => wakeup.wake(appId), FAILED_PAUSE_MS).unref();
      },
    );
  }

  #start({ slot, isCycling }: { slot: Slot; isCycling: boolean }, signal: AbortSignal): void {
    const { start, lives } = this.#deps;
    if (isCycling) tellCycling(start.dynoLog, slot);
    lives.beginStart(slotKey(slot));
    this.follow(this.#boot(slot, signal), { what: 'start', appId: slot.appId });
  }

  /** Starts a dyno and waits until it is up or has failed. It has its place as long as it works. */
  async #boot(slot: Slot, signal: AbortSignal): Promise<void> {
    const { start, usedAddresses } = this.#deps;
    const leave = await this.#takePlace(slot, signal);
    if (leave === undefined) return;
    const booting = new AbortController();
    try {
      const dyno = await startDyno(start, slot, { usedAddresses: usedAddresses(), signal });
      if (dyno === undefined) return;
      const idle = untilIdle(dyno.containerId, { readCpuSeconds, signal: booting.signal });
      idle.then(leave, () => undefined);
      await awaitDynoUp(start, dyno);
    } finally {
      booting.abort();
      leave();
    }
  }

  /** Undefined when the start was abandoned before its turn came. */
  async #takePlace(slot: Slot, signal: AbortSignal): Promise<(() => void) | undefined> {
    const moot = new AbortController();
    using either = anySignal(signal, moot.signal);
    this.#waiting.set(slot, moot);
    try {
      return await this.#bootPlaces.take(slot.appId, either.signal);
    } catch (error) {
      if (!moot.signal.aborted) throw error;
      this.#deps.lives.endStart(slotKey(slot));
      return undefined;
    } finally {
      this.#waiting.delete(slot);
    }
  }

  #abandon(slot: Slot): void {
    const moot = [...this.#waiting].find(([waits]) => isDeepStrictEqual(waits, slot))?.[1];
    moot?.abort();
  }

  #bury(container: DynoContainer, isCurrent: boolean, signal: AbortSignal): void {
    const { lives } = this.#deps;
    const wasUp = lives.get(container.containerId)?.phase === 'up';
    if (!lives.enter(container.containerId, 'stopping')) return;
    const buried = buryDyno(this.#stopDeps, container, { isCurrent, wasUp, signal });
    this.#followEnd('bury', buried, container);
  }

  #condemn(
    container: DynoContainer,
    options: { verdict: Verdict; isCurrent: boolean },
    signal: AbortSignal,
  ): void {
    if (!this.#deps.lives.enter(container.containerId, 'stopping')) return;
    const ended = endCondemned(this.#stopDeps, container, { ...options, signal });
    this.#followEnd('condemn', ended, container);
    // Its crash is counted: the next one need not wait for its end.
    this.#deps.wakeup.wake(container.appId);
  }

  #stop(container: DynoContainer, why: StopReason, signal: AbortSignal): void {
    const { lives } = this.#deps;
    const wasUp = lives.get(container.containerId)?.phase === 'up';
    if (!lives.enter(container.containerId, 'stopping')) return;
    const stopped = stopDyno(this.#stopDeps, container, { why, wasUp, signal });
    this.#followEnd('stop', stopped, container);
  }

  /** What failed is planned again: until the next list the container counts as gone, then as unknown. */
  #followEnd(what: string, work: Promise<void>, { containerId, appId }: DynoContainer): void {
    const retryable = work.catch((error: unknown) => {
      this.#deps.lives.forget(containerId);
      throw error;
    });
    this.follow(retryable, { what, appId });
  }
}
