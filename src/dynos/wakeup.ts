// An alarm clock: whoever has news of an app wakes the loop and says of which; several wakes before it looks are one.

import { setTimeout as sleep } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import type { AppId } from '../ids.js';

/** What a pass of the loop looks at. */
export type Scope = 'all' | ReadonlySet<AppId>;

export interface Wakeup {
  /** There is news of this app; or news that may be about any. */
  wake(about: AppId | 'all'): void;
  /** A pass is wanted, whether there is news or not. */
  nudge(): void;
  /** Returns when woken since the last `take`, when `maxMs` are over, or when `signal` aborts. */
  wait(maxMs: number, signal: AbortSignal): Promise<void>;
  /** What there is news of since the last call. */
  take(): Scope;
}

export function createWakeup(): Wakeup {
  let isAwake = false;
  let isAboutAll = false;
  let apps = new Set<AppId>();
  let timer = new AbortController();

  function nudge(): void {
    isAwake = true;
    timer.abort();
  }

  return {
    nudge,
    wake(about) {
      if (about === 'all') isAboutAll = true;
      else apps.add(about);
      nudge();
    },
    async wait(maxMs, signal) {
      if (isAwake) return;
      timer = new AbortController();
      using either = anySignal(signal, timer.signal);
      await sleep(maxMs, undefined, { signal: either.signal }).catch(() => undefined);
    },
    take() {
      const scope = isAboutAll ? 'all' : apps;
      isAwake = false;
      isAboutAll = false;
      apps = new Set();
      return scope;
    },
  };
}
