// Lines of the platform on their way to the collector: they wait in a bounded queue while it is away, and what finds no
// place is counted, which the app's log tells.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import type { NewLogLine } from './line.js';
import type { WriteRequest } from './protocol.js';

const MAX_WAITING_LINES = 10_000;
const MAX_BATCH_LINES = 1000;
/** UTF-16 units; JSON takes up to six bytes for one. The collector refuses 16 MB, and answers within a second. */
const MAX_BATCH_LENGTH = 256 * 1024;

/** Delivers lines in order, a batch at a time. */
export class LineWriter {
  readonly #clientId: string;
  readonly #log: Logger;
  readonly #post: (path: string, body: unknown, deadlineMs: number) => Promise<string>;
  readonly #signal: AbortSignal;
  #waiting: NewLogLine[] = [];
  readonly #dropped = new Map<string, number>();
  #number = 0;
  #sending: Promise<void> | undefined;

  constructor(options: {
    clientId: string;
    log: Logger;
    post: (path: string, body: unknown, deadlineMs: number) => Promise<string>;
    signal: AbortSignal;
  }) {
    this.#clientId = options.clientId;
    this.#log = options.log;
    this.#post = options.post;
    this.#signal = options.signal;
  }

  /** Never waits; above the bound the oldest lines go. */
  add(lines: readonly NewLogLine[]): void {
    this.#waiting.push(...lines);
    const excess = this.#waiting.length - MAX_WAITING_LINES;
    if (excess > 0) {
      for (const { appId } of this.#waiting.splice(0, excess))
        this.#dropped.set(appId, (this.#dropped.get(appId) ?? 0) + 1);
    }
    this.#start();
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  #start(): void {
    if (this.#waiting.length === 0 && this.#dropped.size === 0) return;
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    while ((this.#waiting.length > 0 || this.#dropped.size > 0) && !this.#signal.aborted) {
      this.#number += 1;
      const body: WriteRequest = {
        client: this.#clientId,
        number: this.#number,
        lines: this.#waiting.splice(0, batchLength(this.#waiting)),
        dropped: [...this.#dropped].map(([appId, count]) => ({ appId, count })),
      };
      this.#dropped.clear();
      await this.#deliver(body);
    }
  }

  /** Until it is taken: meanwhile the queue fills, and drops. */
  async #deliver(body: WriteRequest): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        await this.#post('/lines', body, 1000);
        return;
      } catch (err) {
        this.#log.debug({ err }, 'log lines wait for the collector');
        await sleep(200, undefined, { signal: this.#signal }).catch(() => undefined);
      }
    }
  }
}

/** How many of the lines go together. */
function batchLength(lines: readonly NewLogLine[]): number {
  let length = 0;
  const end = lines.slice(0, MAX_BATCH_LINES).findIndex(({ text }, index) => {
    length += text.length;
    return index > 0 && length > MAX_BATCH_LENGTH;
  });
  return end < 0 ? MAX_BATCH_LINES : end;
}
