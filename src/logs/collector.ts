// The log collector: holds every container's output, numbers the lines and hands them to store and tails. One process,
// apart from the daemon, so that neither a daemon's restart nor a slow reader ever stops an app's output.

import { setInterval as every, setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import {
  type CollectedContainer,
  ContainerOutput,
  type ContainerState,
  type OutputEngine,
} from './container-output.js';
import { Journal, type JournalLimits } from './journal.js';
import { cleanProcessName, type LogFilter, type NewLogLine, splitMessage } from './line.js';
import { gapText, type NoticeKind, Notices } from './notices.js';
import type { OutputLines } from './output-stream.js';
import { RateLimit } from './rate-limit.js';
import type { ContainerProgress } from './store.js';
import { StoreThread } from './store-thread.js';
import { Tail, type TailQuery } from './tail.js';

/** The engine, as far as the collector needs it. */
export interface CollectorEngine extends OutputEngine {
  /** Every container of ours whose output is an app's log, in all states, and any other one of ours. */
  listContainers(): Promise<readonly ListedContainer[]>;
}

export interface ListedContainer {
  readonly containerId: string;
  readonly state: ContainerState;
  /** Undefined for containers that are collected only when they were attached by name. */
  readonly collected: CollectedContainer | undefined;
}

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
/** Before a broken connection to the engine is tried again; doubles up to 5 s. */
const FIRST_WAIT_MS = 100;
/** How long the end waits for an engine that does not answer. */
const END_MS = 2000;

export class LogCollector {
  readonly #engine: CollectorEngine;
  readonly #store: StoreThread;
  readonly #journal: Journal;
  readonly #notices: Notices;
  readonly #limits: CollectorLimits;
  readonly #nowUs: () => number;
  readonly #log: Logger;
  readonly #outputs = new Map<
    string,
    { output: ContainerOutput; isOpen: Promise<void>; life: Promise<void> }
  >();
  readonly #known = new Map<string, ContainerProgress>();
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
    this.#engine = options.engine;
    this.#store = options.store;
    this.#limits = options.limits;
    this.#nowUs = options.nowUs;
    this.#log = options.log;
    for (const progress of options.progress) this.#known.set(progress.containerId, progress);
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
      onUnstored: (appId, count) => this.#notices.add(appId, 'unstored', '', count),
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
    const { storePath, retention, onStoreDeath } = options;
    const store = new StoreThread({ path: storePath, retention, onDeath: onStoreDeath });
    const { nextSeq, progress } = await store.start();
    const collector = new LogCollector({ ...options, store, nextSeq, progress });
    collector.#loops.push(collector.#upkeep());
    return collector;
  }

  /** Takes a container's output from now on; resolves when its streams are open. Fine to call twice. */
  async attach(container: CollectedContainer): Promise<void> {
    const { containerId } = container;
    const present = this.#outputs.get(containerId);
    if (present !== undefined) return await present.isOpen;
    const clean = { ...container, process: cleanProcessName(container.process) };
    const output = this.#newOutput(clean, this.#known.get(containerId));
    const opening = output.open();
    const life = opening
      .then(({ ended }) => this.#follow(output, ended))
      .catch((err) => this.#log.warn({ err, container: containerId }, 'container output is not collected'))
      .finally(() => this.#outputs.delete(containerId));
    const isOpen = opening.then(() => {
      // Known from now on, even if this process dies before the container prints anything.
      this.#journal.noteProgress(containerId, () => output.progress());
    });
    this.#outputs.set(containerId, { output, isOpen, life });
    await isOpen;
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
      containers: this.#outputs.size,
      tails: [...this.#tails].map((tail) => tail.counts),
      lastSeq: this.#journal.lastSeq,
    };
  }

  /** Lets go of the containers, which go on, and stores what is there. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    for (const { output } of this.#outputs.values()) output.close();
    await Promise.all(this.#loops);
    await Promise.race([
      Promise.all([...this.#outputs.values()].map(({ life }) => life)),
      sleep(END_MS, undefined, { ref: false }),
    ]);
    this.#notices.publish();
    await this.#journal.flush();
    await this.#store[Symbol.asyncDispose]();
  }

  #newOutput(container: CollectedContainer, progress: ContainerProgress | undefined): ContainerOutput {
    const limit = new RateLimit(this.#limits.linesPerSecond);
    let wasSplit = false;
    const output: ContainerOutput = new ContainerOutput({
      container,
      progress,
      engine: this.#engine,
      nowUs: this.#nowUs,
      log: this.#log,
      emit: (lines) => {
        // Before the lines: they are stored with it or not at all.
        this.#journal.noteProgress(container.containerId, () => output.progress());
        if (lines.isSplit && !wasSplit) this.#notices.add(container.appId, 'split', container.process, 1);
        wasSplit = lines.isSplit;
        this.#emit(container, lines, limit);
      },
      onGap: (reason) => {
        this.#log.info(
          { app: container.appId, container: container.containerId, reason },
          'log lines missing',
        );
        this.#say(container.appId, gapText(container.process, reason));
      },
    });
    return output;
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

  /** Stays with a container until its output is complete, over broken connections. */
  async #follow(first: ContainerOutput, firstEnded: Promise<'complete' | 'broken'>): Promise<void> {
    const { containerId } = first.container;
    const { signal } = this.#stopping;
    let output = first;
    let ended = firstEnded;
    let waitMs = FIRST_WAIT_MS;
    while ((await this.#end(output, ended)) === 'broken' && !signal.aborted) {
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      waitMs = Math.min(5000, waitMs * 2);
      const next = this.#newOutput(first.container, output.progress());
      try {
        ({ ended } = await next.open());
        output = next;
        waitMs = FIRST_WAIT_MS;
        const present = this.#outputs.get(containerId);
        if (present !== undefined) this.#outputs.set(containerId, { ...present, output });
      } catch (err) {
        this.#log.debug({ err, container: containerId }, 'engine does not give a container output');
        ended = Promise.resolve('broken');
      }
    }
  }

  async #end(output: ContainerOutput, ended: Promise<'complete' | 'broken'>): Promise<'complete' | 'broken'> {
    const result = await ended.catch(() => 'broken' as const);
    const { containerId } = output.container;
    const progress = output.progress();
    this.#known.set(containerId, progress);
    if (result === 'complete') this.#journal.noteProgress(containerId, () => progress);
    return result;
  }

  /** Looks for containers that nobody attached, drops old lines. */
  async #upkeep(): Promise<void> {
    const { signal } = this.#stopping;
    const runOnce = async () => {
      await this.#store.dropOld(this.#nowUs());
      await this.#takeUpContainers();
    };
    const report = (err: unknown) => this.#log.warn({ err }, 'upkeep of the log collector failed');
    await runOnce().catch(report);
    try {
      for await (const _ of every(RESYNC_MS, undefined, { signal })) await runOnce().catch(report);
    } catch {
      // The interval ends by its signal.
    }
  }

  async #takeUpContainers(): Promise<void> {
    const listed = new Map((await this.#engine.listContainers()).map((one) => [one.containerId, one]));
    const removed: string[] = [];
    for (const [containerId, progress] of this.#known) {
      if (listed.has(containerId) || this.#outputs.has(containerId)) continue;
      if (progress.hasEnded) removed.push(containerId);
      else await this.#tryAttach(progress);
    }
    for (const id of removed) this.#known.delete(id);
    if (removed.length > 0) await this.#store.forgetContainers(removed);
    for (const one of listed.values()) {
      const container = this.#toTakeUp(one);
      if (container !== undefined) await this.#tryAttach(container);
    }
  }

  /** A container that never began says nothing, but one that is known may only be called so by its engine. */
  #toTakeUp({ containerId, state, collected }: ListedContainer): CollectedContainer | undefined {
    const known = this.#known.get(containerId);
    if (known === undefined) return state === 'created' ? undefined : collected;
    return known.hasEnded ? undefined : known;
  }

  async #tryAttach(container: CollectedContainer): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { containerId, appId, process, tty } = container;
    try {
      await this.attach({ containerId, appId, process, tty });
    } catch (err) {
      this.#log.warn({ err, container: containerId }, 'container output could not be taken up');
    }
  }
}
