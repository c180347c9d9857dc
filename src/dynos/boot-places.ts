// Which dynos may boot now. A boot takes all the CPU that it gets: too many at once are all slow, and may all miss their
// boot timeout. So the boots that work take turns, app by app; one that only waits is in nobody's way.
// docs/decisions/0160-boots-take-turns.md

import { setTimeout as sleep } from 'node:timers/promises';
import type { AppId } from '../ids.js';

export interface BootPlaces {
  /**
   * Waits for a place to boot a dyno of this app. What it resolves to gives the place back, once. Leaves the queue and
   * rejects with the signal's reason when that aborts first.
   */
  take(appId: AppId, signal: AbortSignal): Promise<() => void>;
}

/** Boots of all apps together. */
const MAX_BOOTS = 10;

export function createBootPlaces(limit = MAX_BOOTS): BootPlaces {
  const held = new Map<AppId, number>();
  let waiting: { readonly appId: AppId; readonly enter: () => void }[] = [];
  const heldBy = (appId: AppId) => held.get(appId) ?? 0;

  /** An app's first boot is held up by as many other apps only, not by the many boots of one. */
  function isFree(appId: AppId): boolean {
    const total = [...held.values()].reduce((sum, count) => sum + count, 0);
    return total < limit || (heldBy(appId) === 0 && held.size < limit);
  }

  /** Lets in the app that has the fewest boots, and of those the one that came first, as long as there is a place. */
  function letIn(): void {
    for (;;) {
      const [next] = waiting
        .filter(({ appId }) => isFree(appId))
        .sort((one, other) => heldBy(one.appId) - heldBy(other.appId));
      if (next === undefined) return;
      waiting = waiting.filter((each) => each !== next);
      held.set(next.appId, heldBy(next.appId) + 1);
      next.enter();
    }
  }

  function leave(appId: AppId): void {
    const left = heldBy(appId) - 1;
    if (left > 0) held.set(appId, left);
    else held.delete(appId);
    letIn();
  }

  return {
    take: (appId, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const onAbort = () => {
          waiting = waiting.filter((each) => each !== place);
          reject(signal.reason);
        };
        let isHeld = true;
        const giveBack = () => {
          if (isHeld) leave(appId);
          isHeld = false;
        };
        const enter = () => {
          signal.removeEventListener('abort', onAbort);
          resolve(giveBack);
        };
        const place = { appId, enter };
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.push(place);
        letIn();
      }),
  };
}

const LOOK_MS = 1000;
/** Less than this part of one core is waiting: for a database, for a port that nobody opens. */
const LEAST_SHARE = 0.02;

/** Resolves when the processes of a container wait and do not work; rejects when `signal` aborts. */
export async function untilIdle(
  containerId: string,
  options: { readCpuSeconds: (containerId: string) => Promise<number | undefined>; signal: AbortSignal },
): Promise<void> {
  let before: number | undefined;
  for (;;) {
    const used = await options.readCpuSeconds(containerId);
    const worked = before === undefined || used === undefined ? Number.POSITIVE_INFINITY : used - before;
    if (worked < (LEAST_SHARE * LOOK_MS) / 1000) return;
    before = used;
    await sleep(LOOK_MS, undefined, { signal: options.signal });
  }
}
