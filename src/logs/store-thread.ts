// The collector's side of the store's worker thread.

import { Worker } from 'node:worker_threads';
import type { LogFilter } from './line.js';
import type { StoreDamage } from './mended-store.js';
import type { ContainerProgress, Page, ReadBlock, StoreBatch } from './store.js';
import type { StoreMessage, StoreReply, StoreRequest } from './store-worker.js';

/** Opens and talks to the store in its own thread. Every call rejects when the thread has died. */
export class StoreThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  readonly #nowUs: () => number;
  #lastId = 0;
  #death: Error | undefined;

  /**
   * `onDamage` is told when the file was damaged and a new one has begun; `onDeath` when the thread ends without being
   * closed.
   */
  constructor(options: {
    path: string;
    retention: { bytes: number; days: number };
    nowUs: () => number;
    onDamage: (damage: StoreDamage) => void;
    onDeath: (error: Error) => void;
  }) {
    this.#nowUs = options.nowUs;
    this.#worker = new Worker(new URL('./store-worker.js', import.meta.url), {
      workerData: { path: options.path, retention: options.retention },
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.#worker.on('message', (reply: StoreReply) => {
      if (reply.damage !== undefined) options.onDamage(reply.damage);
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === undefined) waiting?.resolve(reply.value);
      else waiting?.reject(new Error(reply.error));
    });
    this.#worker.on('error', (error) => this.#die(error, options.onDeath));
    this.#worker.on('exit', () => this.#die(new Error('the log store has ended'), options.onDeath));
  }

  start(): Promise<{ nextSeq: number; progress: ContainerProgress[] }> {
    return this.#ask({ kind: 'start' });
  }

  commit(batch: StoreBatch): Promise<void> {
    return this.#ask({ kind: 'commit', batch });
  }

  /** The newest matching lines, however far back they are. */
  async readLast(query: {
    appId: string;
    lines: number;
    beforeSeq?: number;
    filter: LogFilter;
  }): Promise<{ runs: string; uptoSeq: number; nextLine: number | undefined }> {
    let page = await this.#ask<Page>({ kind: 'readLast', query });
    const { uptoSeq, nextLine } = page;
    let { runs, lineCount } = page;
    // In steps, so that commits are not kept waiting by a long search.
    while (page.nextBeforeSeq !== undefined) {
      const rest = { ...query, lines: query.lines - lineCount, beforeSeq: page.nextBeforeSeq };
      page = await this.#ask<Page>({ kind: 'readLast', query: rest });
      runs = page.runs + runs;
      lineCount += page.lineCount;
    }
    return { runs, uptoSeq, nextLine };
  }

  readAfter(query: { appId: string; afterSeq: number; maxBytes: number }): Promise<ReadBlock[]> {
    return this.#ask({ kind: 'readAfter', query });
  }

  forgetContainers(containerIds: readonly string[]): Promise<void> {
    return this.#ask({ kind: 'forgetContainers', containerIds });
  }

  forgetApp(appId: string): Promise<void> {
    return this.#ask({ kind: 'forgetApp', appId });
  }

  /** Undefined for a time that cannot be relied on. */
  dropOld(sureUs: number | undefined): Promise<void> {
    return this.#ask({ kind: 'dropOld', sureUs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#death !== undefined) return;
    const closed = this.#ask({ kind: 'close' });
    this.#death = new Error('the log store is closed');
    await closed;
    await this.#worker.terminate();
  }

  #ask<Value>(request: StoreRequest): Promise<Value> {
    if (this.#death !== undefined) return Promise.reject(this.#death);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      // The worker answers each kind with its own type; the public methods above name it.
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, nowUs: this.#nowUs(), request } satisfies StoreMessage);
    });
  }

  #die(error: Error, onDeath: (error: Error) => void): void {
    if (this.#death !== undefined) return;
    this.#death = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    onDeath(error);
  }
}
