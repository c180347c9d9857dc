// One live tail in the collector: first what is stored, then what comes, with neither gap nor repeat in between.

import type { Block, BlockReader, Journal } from './journal.js';
import type { LogFilter } from './line.js';
import { isOpenFilter, matchesFilter } from './line.js';
import { encodeDropped, encodeIdle, joinRuns, selectRuns } from './runs.js';
import type { ReadBlock } from './store.js';
import type { StoreThread } from './store-thread.js';

/** Where a tail begins. */
export interface TailQuery extends LogFilter {
  readonly appId: string;
  /** Go on after this line. A number that was never given out means: from now on. */
  readonly afterSeq?: number | undefined;
  /** Without `afterSeq`: begin with this many stored lines. */
  readonly lines?: number | undefined;
}

export class Tail implements BlockReader {
  readonly appId: string;
  readonly #query: TailQuery;
  readonly #journal: Journal;
  readonly #store: StoreThread;
  readonly #nowUs: () => number;
  readonly #queueBytes: number;
  #queue: { bytes: Buffer; lineCount: number }[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  #droppedSinceUs = 0;
  /** Everything up to here was sent, queued, counted or not wanted. */
  #position = 0;
  /** While the store is read: number of the app's next line, when it is known. */
  #nextLine: number | undefined;
  #newestSeq = 0;
  #isLive = false;
  #wake: (() => void) | undefined;
  readonly counts = { delivered: 0, dropped: 0 };

  constructor(options: {
    query: TailQuery;
    journal: Journal;
    store: StoreThread;
    nowUs: () => number;
    queueBytes: number;
  }) {
    this.#query = options.query;
    this.appId = options.query.appId;
    this.#journal = options.journal;
    this.#store = options.store;
    this.#nowUs = options.nowUs;
    this.#queueBytes = options.queueBytes;
  }

  /** Takes a block that was just stored. A full queue loses its oldest and counts them. */
  accept(block: Block): void {
    this.#newestSeq = Math.max(this.#newestSeq, block.lastSeq);
    if (!this.#isLive || block.lastSeq <= this.#position) return;
    this.#position = block.lastSeq;
    const wanted = wantedPart(block, this.#query);
    if (wanted.lineCount === 0) return;
    this.#queue.push(wanted);
    this.#queuedBytes += wanted.bytes.length;
    while (this.#queuedBytes > this.#queueBytes && this.#queue.length > 1) this.#dropOldest();
    this.#wake?.();
  }

  /** The text form of what is to be sent. Pull it as fast as the client reads; ends when `signal` aborts. */
  async *chunks(options: { idleMs: number; signal: AbortSignal }): AsyncGenerator<Buffer> {
    const { signal } = options;
    const unsubscribe = this.#journal.subscribe(this);
    const onAbort = () => this.#wake?.();
    signal.addEventListener('abort', onAbort);
    try {
      yield* this.#backlog(signal);
      yield Buffer.from(encodeIdle(this.#position));
      while (!signal.aborted) {
        if (this.#dropped > 0) yield this.#takeDropped();
        const next = this.#queue.shift();
        if (next !== undefined) {
          this.#queuedBytes -= next.bytes.length;
          this.counts.delivered += next.lineCount;
          yield next.bytes;
        } else if (!(await this.#waitForMore(options.idleMs))) yield Buffer.from(encodeIdle(this.#position));
      }
    } finally {
      unsubscribe();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async *#backlog(signal: AbortSignal): AsyncGenerator<Buffer> {
    yield* this.#begin();
    let isSecondLook = false;
    while (!signal.aborted) {
      const { appId } = this;
      const blocks = await this.#store.readAfter({ appId, afterSeq: this.#position, maxBytes: 256 * 1024 });
      if (blocks.length === 0) {
        // Blocks that the store could not take are followed from the next one on; their notice is in the log.
        if (this.#newestSeq <= this.#position || isSecondLook) {
          // No await between this and the next `accept`: that one is the first after what was read.
          this.#isLive = true;
          return;
        }
        isSecondLook = true;
        continue;
      }
      for (const block of blocks) yield* this.#fromStore(block);
    }
  }

  *#fromStore(block: ReadBlock): Generator<Buffer> {
    // Retention was faster than this reader.
    this.#countDropped(Math.max(0, block.firstLine - (this.#nextLine ?? block.firstLine)));
    this.#nextLine = block.firstLine + block.lineCount;
    if (this.#dropped > 0) yield this.#takeDropped();
    const text = selectRuns(Buffer.from(block.payload).toString('utf8'), this.#position, this.#query);
    this.#position = block.lastSeq;
    if (text !== '') yield Buffer.from(text);
  }

  async *#begin(): AsyncGenerator<Buffer> {
    const { afterSeq, lines = 0, appId } = this.#query;
    if (afterSeq !== undefined && afterSeq <= this.#journal.lastSeq) {
      this.#position = afterSeq;
      return;
    }
    const found = await this.#store.readLast({
      appId,
      lines: afterSeq === undefined ? lines : 0,
      filter: this.#query,
    });
    this.#position = found.uptoSeq;
    this.#nextLine = found.nextLine ?? 1;
    if (found.runs !== '') yield Buffer.from(found.runs);
  }

  #dropOldest(): void {
    const oldest = this.#queue.shift();
    if (oldest === undefined) return;
    this.#queuedBytes -= oldest.bytes.length;
    this.#countDropped(oldest.lineCount);
  }

  #countDropped(count: number): void {
    if (count === 0) return;
    if (this.#dropped === 0) this.#droppedSinceUs = this.#nowUs();
    this.#dropped += count;
    this.counts.dropped += count;
  }

  #takeDropped(): Buffer {
    const notice = Buffer.from(encodeDropped(this.#dropped, this.#droppedSinceUs));
    this.#dropped = 0;
    return notice;
  }

  /** False when nothing came for `idleMs`. */
  async #waitForMore(idleMs: number): Promise<boolean> {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => done(false), idleMs);
      const done = (came: boolean) => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(came);
      };
      this.#wake = () => done(true);
    });
  }
}

function wantedPart(block: Block, filter: LogFilter): { bytes: Buffer; lineCount: number } {
  if (isOpenFilter(filter)) return { bytes: block.payload, lineCount: block.lineCount };
  const runs = block.runs.filter((run) => matchesFilter(run, filter));
  const lineCount = runs.reduce((sum, run) => sum + run.lineCount, 0);
  return { bytes: joinRuns(runs), lineCount };
}
