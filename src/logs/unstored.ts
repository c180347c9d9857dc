// Lines that followers got but the store did not take: counted for each app, and told in its log as soon as lines are
// stored again. A notice that is not stored either gives its count back: told is only what can be read later.
// docs/decisions/0227-unstored-lines-are-told-when-that-is-stored.md

import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal } from './journal.js';
import type { StoredBlock } from './store.js';

interface Count {
  readonly count: number;
  readonly sinceUs: number;
}

export class UnstoredLines {
  readonly #journal: Pick<Journal, 'flush' | 'isStoring' | 'lastSeq'>;
  readonly #nowUs: () => number;
  readonly #delayMs: number;
  readonly #publish: (appId: string, count: number, sinceUs: number) => void;
  readonly #signal: AbortSignal;
  readonly #untold = new Map<string, Count>();
  /** Notices on their way to the store. */
  #told: (Count & { readonly appId: string; readonly seq: number })[] = [];
  #isTelling = false;

  /** `publish` appends one line to the journal; nothing is told after `signal` aborts but by `tell`. */
  constructor(options: {
    journal: Pick<Journal, 'flush' | 'isStoring' | 'lastSeq'>;
    nowUs: () => number;
    /** Between two looks whether lines are stored again. */
    delayMs: number;
    publish: (appId: string, count: number, sinceUs: number) => void;
    signal: AbortSignal;
  }) {
    this.#journal = options.journal;
    this.#nowUs = options.nowUs;
    this.#delayMs = options.delayMs;
    this.#publish = options.publish;
    this.#signal = options.signal;
  }

  /** Counts the lines of a block that was not stored. */
  add(block: Pick<StoredBlock, 'appId' | 'firstSeq' | 'lastSeq' | 'lineCount'>): void {
    const { appId, firstSeq, lastSeq } = block;
    const isIn = (one: { appId: string; seq: number }) =>
      one.appId === appId && one.seq >= firstSeq && one.seq <= lastSeq;
    const lost = this.#told.filter(isIn);
    this.#told = this.#told.filter((one) => !isIn(one));
    const before = this.#untold.get(appId);
    const all = [...lost, ...(before === undefined ? [] : [before])];
    this.#untold.set(appId, {
      // The notices themselves are no lines of the app.
      count: all.reduce((sum, { count }) => sum + count, block.lineCount - lost.length),
      sinceUs: Math.min(this.#nowUs(), ...all.map(({ sinceUs }) => sinceUs)),
    });
    if (this.#isTelling) return;
    this.#isTelling = true;
    // Never rejects: a flush always ends.
    void this.#tellWhenStored();
  }

  /** Gives out what was counted so far. */
  tell(): void {
    const counts = [...this.#untold];
    this.#untold.clear();
    for (const [appId, count] of counts) {
      this.#publish(appId, count.count, count.sinceUs);
      this.#told.push({ ...count, appId, seq: this.#journal.lastSeq });
    }
  }

  async #tellWhenStored(): Promise<void> {
    while (this.#untold.size > 0) {
      await sleep(this.#delayMs, undefined, { signal: this.#signal }).catch(() => undefined);
      if (this.#signal.aborted) return;
      await this.#journal.flush();
      if (!this.#journal.isStoring) continue;
      this.tell();
      await this.#journal.flush();
      // Those that were lost meanwhile came back.
      this.#told = [];
    }
    // In the same turn as the last look at what is untold: whoever comes later starts again.
    this.#isTelling = false;
  }
}
