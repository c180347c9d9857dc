// Gives every line its number and brings it to the readers: into the store first, then to whoever follows the app.
// A follower sees a line only when it is stored, so a collector that is killed shows no line twice and loses none.

import { type Logger, RepeatedFailure } from '../log.js';
import type { LogSource } from './line.js';
import { encodeHeader, encodeRun, joinRuns } from './runs.js';
import type { ContainerProgress, StoredBlock } from './store.js';
import type { StoreThread } from './store-thread.js';

/** Lines of one app on their way to the readers. */
export interface Block extends StoredBlock {
  readonly payload: Buffer;
  /** The block's runs one by one, for readers with a filter. */
  readonly runs: readonly {
    readonly source: string;
    readonly process: string;
    readonly lineCount: number;
    /** In one or more pieces. */
    readonly text: readonly (string | Buffer)[];
  }[];
}

/** Who follows an app. `accept` must not block: a reader that cannot keep up drops and counts in its own queue. */
export interface BlockReader {
  readonly appId: string;
  accept(block: Block): void;
}

export interface JournalLimits {
  /** Longest time that a line waits for company. */
  readonly flushMs: number;
  /** Size at which a block is closed at once. */
  readonly blockBytes: number;
  /** What may wait for the disk, all apps together; beyond it the oldest lines go unstored and are counted. */
  readonly queueBytes: number;
}

interface OpenBlock {
  runs: Block['runs'][number][];
  firstSeq: number;
  lastSeq: number;
  lastUs: number;
  length: number;
  lineCount: number;
}

interface Batch {
  readonly blocks: Block[];
  readonly bytes: number;
  isShown: boolean;
  /** Called when the batch is stored or given up. */
  readonly done?: () => void;
}

export class Journal {
  readonly #store: Pick<StoreThread, 'commit'>;
  readonly #limits: JournalLimits;
  readonly #log: Logger;
  readonly #failure: RepeatedFailure;
  readonly #onUnstored: (block: Block) => void;
  readonly #open = new Map<string, OpenBlock>();
  readonly #readers = new Map<string, Set<BlockReader>>();
  /** Containers whose progress changed since the blocks were last closed. */
  readonly #changed = new Map<string, () => ContainerProgress>();
  /** Progress that goes with the waiting blocks. */
  readonly #progress = new Map<string, ContainerProgress>();
  #nextSeq: number;
  #waiting: Batch[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  #isStoring = true;
  #inFlight: Batch[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly counts = { lines: 0, stored: 0, unstored: 0 };

  constructor(options: {
    store: Pick<StoreThread, 'commit'>;
    firstSeq: number;
    limits: JournalLimits;
    log: Logger;
    /** Told about lines that readers got but the store did not. */
    onUnstored: (block: Block) => void;
  }) {
    this.#store = options.store;
    this.#nextSeq = options.firstSeq;
    this.#limits = options.limits;
    this.#log = options.log;
    const text = 'log lines could not be stored';
    this.#failure = new RepeatedFailure({
      log: options.log,
      level: 'error',
      text,
      now: () => performance.now(),
    });
    this.#onUnstored = options.onUnstored;
  }

  /** The last number given out. */
  get lastSeq(): number {
    return this.#nextSeq - 1;
  }

  /** Whether the newest write went well. */
  get isStoring(): boolean {
    return this.#isStoring;
  }

  /** Numbers clean lines of one process that were read at the same time, and takes them over. */
  append(
    entry: {
      appId: string;
      source: LogSource;
      process: string;
      timestampUs: number;
      isSplit: boolean;
    } & ({ lines: readonly string[] } | { text: Buffer; lineCount: number }),
  ): void {
    const { appId, source, process, timestampUs } = entry;
    const count = 'lines' in entry ? entry.lines.length : entry.lineCount;
    if (count === 0) return;
    const firstSeq = this.#nextSeq;
    const text =
      'lines' in entry
        ? [encodeRun({ ...entry, firstSeq })]
        : [encodeHeader({ ...entry, firstSeq }, count), entry.text];
    let block = this.#open.get(appId);
    if (block === undefined) {
      block = { runs: [], firstSeq: this.#nextSeq, lastSeq: 0, lastUs: 0, length: 0, lineCount: 0 };
      this.#open.set(appId, block);
    }
    this.#nextSeq += count;
    this.counts.lines += count;
    block.runs.push({ source, process, lineCount: count, text });
    block.lastSeq = this.#nextSeq - 1;
    block.lastUs = timestampUs;
    for (const piece of text) block.length += piece.length;
    block.lineCount += count;
    if (block.length >= this.#limits.blockBytes) this.#closeBlocks();
    else this.#wake();
  }

  /** The progress to store along with the lines appended so far. */
  noteProgress(containerId: string, progress: () => ContainerProgress): void {
    this.#changed.set(containerId, progress);
    this.#wake();
  }

  /** Resolves when everything appended so far is stored (or was counted as not stored). */
  flush(): Promise<void> {
    this.#closeBlocks();
    return new Promise((done) => {
      this.#waiting.push({ blocks: [], bytes: 0, isShown: true, done });
      this.#startWriting();
    });
  }

  /** From now on the reader gets the app's blocks. The returned function ends that. */
  subscribe(reader: BlockReader): () => void {
    const readers = this.#readers.get(reader.appId) ?? new Set();
    this.#readers.set(reader.appId, readers.add(reader));
    return () => {
      readers.delete(reader);
      if (readers.size === 0 && this.#readers.get(reader.appId) === readers)
        this.#readers.delete(reader.appId);
    };
  }

  /** Throws away what waits of an app. */
  discard(appId: string): void {
    this.#open.delete(appId);
    this.#waiting = this.#waiting.map((batch) => ({
      ...batch,
      blocks: batch.blocks.filter((block) => block.appId !== appId),
    }));
  }

  #wake(): void {
    this.#timer ??= setTimeout(() => this.#closeBlocks(), this.#limits.flushMs);
  }

  #closeBlocks(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const blocks: Block[] = [];
    let bytes = 0;
    for (const [appId, open] of this.#open) {
      const payload = joinRuns(open.runs);
      bytes += payload.length;
      blocks.push({ ...open, appId, payload });
    }
    this.#open.clear();
    for (const [containerId, progress] of this.#changed) this.#progress.set(containerId, progress());
    this.#changed.clear();
    if (blocks.length > 0) {
      this.#waiting.push({ blocks, bytes, isShown: false });
      this.#waitingBytes += bytes;
      while (this.#waitingBytes > this.#limits.queueBytes && this.#waiting.length > 1) this.#dropOldest();
    }
    this.#startWriting();
  }

  #startWriting(): void {
    if (this.#waiting.length === 0 && this.#progress.size === 0) return;
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#write().catch((err) => this.#log.error({ err }, 'writing log lines has failed'));
  }

  /** Commits what waits until nothing waits. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0 || this.#progress.size > 0) {
      this.#inFlight = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      const progress = [...this.#progress.values()];
      this.#progress.clear();
      const blocks = this.#inFlight.flatMap((batch) => batch.blocks);
      try {
        await this.#store.commit({ blocks: blocks.map(toStored), progress, nextSeq: this.#nextSeq });
        this.#isStoring = true;
        for (const block of blocks) this.counts.stored += block.lineCount;
      } catch (err) {
        this.#isStoring = false;
        this.#failure.note(err);
        this.#countUnstored(blocks);
      }
      for (const batch of this.#inFlight) {
        this.#show(batch);
        batch.done?.();
      }
      this.#inFlight = [];
    }
    // In the same turn as the last look at what waits: whoever comes later starts the loop again.
    this.#isWriting = false;
  }

  #dropOldest(): void {
    const batch = this.#waiting.shift();
    if (batch === undefined) return;
    this.#waitingBytes -= batch.bytes;
    // The disk is stuck: followers go ahead of it, in order.
    for (const earlier of this.#inFlight) this.#show(earlier);
    this.#show(batch);
    this.#countUnstored(batch.blocks);
    batch.done?.();
  }

  #show(batch: Batch): void {
    if (batch.isShown) return;
    batch.isShown = true;
    for (const block of batch.blocks) {
      for (const reader of this.#readers.get(block.appId) ?? []) reader.accept(block);
    }
  }

  #countUnstored(blocks: readonly Block[]): void {
    for (const block of blocks) {
      this.counts.unstored += block.lineCount;
      this.#onUnstored(block);
    }
  }
}

function toStored(block: Block): StoredBlock {
  const { appId, firstSeq, lastSeq, lastUs, lineCount, payload } = block;
  return { appId, firstSeq, lastSeq, lastUs, lineCount, payload };
}
