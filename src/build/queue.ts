// Whose turn it is: one build per app at a time, and only so many at once over all apps. First come, first served.

/** Leave of the queue to build. Both can be called more than once. */
export interface Turn {
  /** The build has ended: other apps may build. */
  releaseSlot(): void;
  /** All of it has ended: so may this app. */
  release(): void;
}

/** Why a build has to wait. */
export interface Wait {
  readonly reason: 'same-app' | 'all-slots';
  /** 1 is the next of all that wait. */
  readonly place: number;
}

interface Waiting {
  readonly appId: string;
  readonly onWait: (wait: Wait) => void;
  readonly start: () => void;
  said: string;
}

/** The order in memory; that of the rows in the database is the same, and the next daemon enters them again by it. */
export class BuildQueue {
  readonly #concurrency: number;
  readonly #running = new Set<Waiting>();
  readonly #busyApps = new Map<string, Waiting>();
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
          resolve({
            releaseSlot: () => this.#releaseSlot(waiting),
            release: () => this.#release(appId, waiting),
          });
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      this.#advance();
    });
  }

  #releaseSlot(turn: Waiting): void {
    if (this.#running.delete(turn)) this.#advance();
  }

  #release(appId: string, turn: Waiting): void {
    this.#running.delete(turn);
    if (this.#busyApps.get(appId) !== turn) return;
    this.#busyApps.delete(appId);
    this.#advance();
  }

  #advance(): void {
    const still: Waiting[] = [];
    for (const waiting of this.#waiting) {
      if (this.#running.size < this.#concurrency && !this.#busyApps.has(waiting.appId)) {
        this.#running.add(waiting);
        this.#busyApps.set(waiting.appId, waiting);
        waiting.start();
      } else {
        still.push(waiting);
      }
    }
    this.#waiting = still;
    for (const [index, waiting] of still.entries()) {
      const reason = this.#busyApps.has(waiting.appId) ? 'same-app' : 'all-slots';
      const place = index + 1;
      if (waiting.said === `${reason} ${place}`) continue;
      waiting.said = `${reason} ${place}`;
      waiting.onWait({ reason, place });
    }
  }
}
