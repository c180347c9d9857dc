// Turns: of those who want the same thing, one at a time, in the order in which they came.

/** A queue for each key. */
export interface Turns {
  /** How many are before whoever comes next. */
  ahead(key: string): number;
  /** Resolves when it is this one's turn, with the way to end it. Rejects with the signal's reason. */
  take(key: string, signal: AbortSignal): Promise<() => void>;
}

export function createTurns(): Turns {
  const tails = new Map<string, { last: Promise<void>; count: number }>();
  return {
    ahead: (key) => tails.get(key)?.count ?? 0,
    async take(key, signal) {
      const queue = tails.get(key) ?? { last: Promise.resolve(), count: 0 };
      tails.set(key, queue);
      const before = queue.last;
      let isOver = false;
      let open: () => void = () => undefined;
      queue.last = new Promise<void>((resolve) => {
        open = resolve;
      });
      queue.count += 1;
      const end = () => {
        if (isOver) return;
        isOver = true;
        queue.count -= 1;
        if (queue.count === 0) tails.delete(key);
        open();
      };
      try {
        await abortable(before, signal);
      } catch (error) {
        // Those behind still wait for those before.
        before.then(end, end);
        throw error;
      }
      return end;
    },
  };
}

function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, reject);
  });
}
