// An alarm clock: whoever has news wakes the loop; several wakes before it looks are one.

import { setTimeout as sleep } from 'node:timers/promises';

export interface Wakeup {
  wake(): void;
  /** Returns when woken since the last wait (true), when `maxMs` are over, or when `signal` aborts. */
  wait(maxMs: number, signal: AbortSignal): Promise<boolean>;
}

export function createWakeup(): Wakeup {
  let isAwake = false;
  let timer = new AbortController();
  return {
    wake() {
      isAwake = true;
      timer.abort();
    },
    async wait(maxMs, signal) {
      if (!isAwake) {
        timer = new AbortController();
        const either = AbortSignal.any([signal, timer.signal]);
        await sleep(maxMs, undefined, { signal: either }).catch(() => undefined);
      }
      const wasWoken = isAwake;
      isAwake = false;
      return wasWoken;
    },
  };
}
