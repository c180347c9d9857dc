// Whose turn it is: one build per app at a time, and only so many at once over all apps. First come, first served.

/** Leave of the queue to build; call `release` when the build has ended, once or more. */
export interface Turn {
  release(): void;
}

/** Why a build has to wait. */
export interface Wait {
  readonly reason: 'same-app' | 'all-slots';
  /** 1 is the next of those with the same reason. */
  readonly place: number;
}

interface Waiting {
  readonly appId: string;
  readonly onWait: (wait: Wait) => void;
  readonly start: () => void;
  said: string;
}

/** Lives in memory: builds that wait when the daemon ends are marked as failed at its next start. */
export class BuildQueue {
  readonly #concurrency: number;
  readonly #busyApps = new Set<string>();
  #waiting: Waiting[] = [];

  constructor(options: { concurrency: number }) {
    this.#concurrency = options.concurrency;
  }

  /** Resolves when it is this build's turn. `onWait` is told at first and whenever the place changes. */
  enter(options: { appId: string; onWait: (wait: Wait) => void; signal: AbortSignal }): Promise<Turn> {
    const { appId, onWait, signal } = options;
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(signal.reason);
        this.#advance();
      };
      const waiting: Waiting = {
        appId,
        onWait,
        said: '',
        start: () => {
          signal.removeEventListener('abort', leave);
          resolve({ release: () => this.#release(appId, waiting) });
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      this.#advance();
    });
  }

  readonly #running = new Set<Waiting>();

  #release(appId: string, turn: Waiting): void {
    if (!this.#running.delete(turn)) return;
    this.#busyApps.delete(appId);
    this.#advance();
  }

  #advance(): void {
    const still: Waiting[] = [];
    for (const waiting of this.#waiting) {
      if (this.#running.size < this.#concurrency && !this.#busyApps.has(waiting.appId)) {
        this.#running.add(waiting);
        this.#busyApps.add(waiting.appId);
        waiting.start();
      } else {
        still.push(waiting);
      }
    }
    this.#waiting = still;
    const places = new Map<string, number>();
    for (const waiting of still) {
      const reason = this.#busyApps.has(waiting.appId) ? 'same-app' : 'all-slots';
      const group = reason === 'same-app' ? waiting.appId : '';
      const place = (places.get(group) ?? 0) + 1;
      places.set(group, place);
      if (waiting.said === `${reason} ${place}`) continue;
      waiting.said = `${reason} ${place}`;
      waiting.onWait({ reason, place });
    }
  }
}
