// The log collector: holds every container's output, numbers the lines and hands them to store and tails. One process,
// apart from the daemon, so that neither a daemon's restart nor a slow reader ever stops an app's output.

import { setInterval as every, setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { CollectedContainers, type CollectorEngine } from './collected-containers.js';
import type { CollectedContainer } from './container-output.js';
import { Journal, type JournalLimits } from './journal.js';
import { cleanProcessName, type LogFilter, type NewLogLine, splitMessage } from './line.js';
import type { StoreDamage } from './mended-store.js';
import { gapText, LOST_TEXT, type NoticeKind, Notices, noticeText } from './notices.js';
import type { OutputLines } from './output-stream.js';
import { RateLimit } from './rate-limit.js';
import type { ContainerProgress } from './store.js';
import { StoreThread } from './store-thread.js';
import { SureTime } from './sure-time.js';
import { Tail, type TailQuery } from './tail.js';
import { UnstoredLines } from './unstored.js';

export interface CollectorLimits extends JournalLimits {
  /** What may wait for one live tail. */
  readonly tailQueueBytes: number;
  /** Per process; 0 for no limit. */
  readonly linesPerSecond: number;
}

export const DEFAULT_LIMITS: CollectorLimits = {
  flushMs: 20,
  blockBytes: 64 * 1024,
  queueBytes: 16 * 1024 * 1024,
  tailQueueBytes: 1024 * 1024,
  linesPerSecond: 0,
};

/** After a crash the last numbers may have been shown but not stored: they are not used again. */
const SEQ_STEP = 1_000_000;
const NOTICE_DELAY_MS = 1000;
const RESYNC_MS = 30_000;
/** How long the end waits for an engine that does not answer. */
const END_MS = 2000;

export class LogCollector {
  readonly #store: StoreThread;
  readonly #journal: Journal;
  readonly #notices: Notices;
  readonly #unstored: UnstoredLines;
  readonly #limits: CollectorLimits;
  readonly #nowUs: () => number;
  readonly #log: Logger;
  readonly #containers: CollectedContainers;
  readonly #forgotten = new Set<string>();
  readonly #tails = new Set<Tail>();
  readonly #stopping = new AbortController();
  readonly #loops: Promise<void>[] = [];
  readonly #rateDropped = { count: 0 };

  private constructor(options: {
    engine: CollectorEngine;
    store: StoreThread;
    nextSeq: number;
    progress: readonly ContainerProgress[];
    limits: CollectorLimits;
    nowUs: () => number;
    log: Logger;
  }) {
    this.#store = options.store;
    this.#limits = options.limits;
    this.#nowUs = options.nowUs;
    this.#log = options.log;
    this.#notices = new Notices({
      nowUs: options.nowUs,
      delayMs: NOTICE_DELAY_MS,
      publish: (appId, text) => this.#say(appId, text),
    });
    this.#journal = new Journal({
      store: options.store,
      firstSeq: options.nextSeq + SEQ_STEP,
      limits: options.limits,
      log: options.log,
      onUnstored: (block) => this.#unstored.add(block),
    });
    this.#unstored = new UnstoredLines({
      journal: this.#journal,
      nowUs: options.nowUs,
      delayMs: NOTICE_DELAY_MS,
      publish: (appId, count, sinceUs) =>
        this.#say(appId, noticeText({ kind: 'unstored', process: '', count, sinceUs })),
      signal: this.#stopping.signal,
    });
    this.#containers = new CollectedContainers({
      ...options,
      signal: this.#stopping.signal,
      journal: this.#journal,
      forget: (ids) => options.store.forgetContainers(ids),
      receiver: (container) => this.#receiver(container),
      onGap: ({ appId, process }, reason) => this.#say(appId, gapText(process, reason)),
    });
  }

  /** Opens the store, then takes up every container of ours that runs or ended unread (in the background). */
  static async start(options: {
    engine: CollectorEngine;
    storePath: string;
    retention: { bytes: number; days: number };
    limits: CollectorLimits;
    nowUs: () => number;
    log: Logger;
    onStoreDeath: (error: Error) => void;
  }): Promise<LogCollector> {
    const { storePath, retention, nowUs, log, onStoreDeath } = options;
    const found: StoreDamage[] = [];
    let takeDamage = (damage: StoreDamage) => {
      found.push(damage);
    };
    const store = new StoreThread({
      path: storePath,
      retention,
      nowUs,
      onDamage(damage) {
        log.error(damage, 'the kept log was damaged: it was set aside, and a new one has begun');
        takeDamage(damage);
      },
      onDeath: onStoreDeath,
    });
    try {
      const { nextSeq, progress } = await store.start();
      const collector = new LogCollector({ ...options, store, nextSeq, progress });
      takeDamage = (damage) => collector.#tellDamage(damage);
      found.forEach(takeDamage);
      collector.#loops.push(collector.#upkeep());
      return collector;
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Takes a container's output from now on; resolves when its streams are open. Fine to call twice. */
  async attach(container: CollectedContainer): Promise<void> {
    await this.#containers.attach(container);
  }

  /** Takes lines from the platform; resolves when they are stored. */
  async write(lines: readonly NewLogLine[]): Promise<void> {
    for (const line of lines) this.append(line);
    await this.#journal.flush();
  }

  /** Takes one line without waiting. */
  append(line: NewLogLine): void {
    if (this.#forgotten.has(line.appId)) return;
    const timestampUs = line.timestampUs ?? this.#nowUs();
    const pieces = splitMessage(line.text);
    const process = cleanProcessName(line.process);
    this.#journal.append({
      appId: line.appId,
      source: line.source,
      process,
      timestampUs,
      isSplit: false,
      lines: pieces,
    });
  }

  /** Takes clean lines that came together, each ended by LF. */
  appendText(
    run: Pick<NewLogLine, 'appId' | 'source' | 'process'> & { text: Buffer; lineCount: number },
  ): void {
    if (this.#forgotten.has(run.appId)) return;
    this.#journal.append({ ...run, timestampUs: this.#nowUs(), isSplit: false });
  }

  /** Counts lines that never reached the collector. */
  noteUndelivered(appId: string, count: number): void {
    this.#notices.add(appId, 'undelivered', '', count);
  }

  /** The newest stored lines in text form, oldest first. */
  async read(query: { appId: string; lines: number; beforeSeq?: number } & LogFilter): Promise<string> {
    const { appId, lines, beforeSeq, source, process, dyno } = query;
    const filter = { source, process, dyno };
    await this.#journal.flush();
    const page = await this.#store.readLast({
      appId,
      lines,
      filter,
      ...(beforeSeq !== undefined && { beforeSeq }),
    });
    return page.runs;
  }

  /** Follows an app, in text form; ends when `signal` aborts. */
  async *tail(query: TailQuery, options: { idleMs: number; signal: AbortSignal }): AsyncGenerator<Buffer> {
    const tail = new Tail({
      query,
      journal: this.#journal,
      store: this.#store,
      nowUs: this.#nowUs,
      queueBytes: this.#limits.tailQueueBytes,
    });
    this.#tails.add(tail);
    try {
      yield* tail.chunks(options);
    } finally {
      this.#tails.delete(tail);
    }
  }

  /** Deletes all lines of an app and takes no more of it. */
  async forgetApp(appId: string): Promise<void> {
    this.#forgotten.add(appId);
    this.#journal.discard(appId);
    await this.#journal.flush();
    await this.#store.forgetApp(appId);
  }

  /** Counts since the start: `lines` = `stored` + `unstored` + what waits. */
  stats() {
    return {
      ...this.#journal.counts,
      rateDropped: this.#rateDropped.count,
      containers: this.#containers.size,
      tails: [...this.#tails].map((tail) => tail.counts),
      lastSeq: this.#journal.lastSeq,
    };
  }

  /** Lets go of the containers, which go on, and stores what is there. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    const released = this.#containers.release();
    await Promise.all(this.#loops);
    await Promise.race([released, sleep(END_MS, undefined, { ref: false })]);
    this.#notices.publish();
    this.#unstored.tell();
    await this.#journal.flush();
    await this.#store[Symbol.asyncDispose]();
  }

  /** What becomes of a container's lines: told once when they were split, counted when they come too fast. */
  #receiver(container: CollectedContainer): (lines: OutputLines) => void {
    const limit = new RateLimit(this.#limits.linesPerSecond);
    let wasSplit = false;
    return (lines) => {
      if (lines.isSplit && !wasSplit) this.#notices.add(container.appId, 'split', container.process, 1);
      wasSplit = lines.isSplit;
      this.#emit(container, lines, limit);
    };
  }

  #emit(container: CollectedContainer, lines: OutputLines, limit: RateLimit): void {
    const { appId, process } = container;
    if (this.#forgotten.has(appId)) return;
    const passed = limit.take(lines.lines.length, this.#nowUs());
    const dropped = lines.lines.length - passed;
    if (dropped > 0) {
      this.#rateDropped.count += dropped;
      this.#notices.add(appId, 'rate' satisfies NoticeKind, process, dropped);
    }
    const { timestampUs, isSplit } = lines;
    const taken = dropped > 0 ? lines.lines.slice(0, passed) : lines.lines;
    this.#journal.append({ appId, source: 'app', process, timestampUs, isSplit, lines: taken });
  }

  #say(appId: string, text: string): void {
    this.append({ appId, source: 'heroku', process: 'logplex', text });
  }

  /** To every app that may have had lines, as far as that is known. */
  #tellDamage({ appIds }: StoreDamage): void {
    const tell = async () => {
      const told = new Set(appIds);
      for (const appId of told) this.#say(appId, LOST_TEXT);
      await this.#containers.takeUp();
      for (const appId of this.#containers.appIds()) {
        if (!told.has(appId)) this.#say(appId, LOST_TEXT);
      }
    };
    tell().catch((err) => this.#log.warn({ err }, 'apps are not told that their kept log was damaged'));
  }

  /** Looks for containers that nobody attached, drops old lines. */
  async #upkeep(): Promise<void> {
    const { signal } = this.#stopping;
    const sureTime = new SureTime(() => performance.now());
    const runOnce = async () => {
      await this.#store.dropOld(sureTime.look(this.#nowUs()));
      await this.#containers.takeUp();
    };
    const report = (err: unknown) => this.#log.warn({ err }, 'upkeep of the log collector failed');
    await runOnce().catch(report);
    try {
      for await (const _ of every(RESYNC_MS, undefined, { signal })) await runOnce().catch(report);
    } catch {
      // The interval ends by its signal.
    }
  }
}
