// The output of one container, from its attach streams (or, for the time when nobody was attached, from the engine's log
// file) to the journal. It never stops reading: a stalled reader stops the container.

import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { type EngineFile, readEngineFile, type StreamName } from './engine-file.js';
import { type OutputLines, OutputStream, type Placement } from './output-stream.js';
import type { ContainerProgress } from './store.js';

export type ContainerState = 'created' | 'running' | 'ended' | 'gone';

/** What the collector needs of the container engine. */
export interface OutputEngine {
  attach(
    id: string,
    options: { tty: boolean; stdin: boolean },
  ): Promise<{ stdout: Readable; stderr: Readable | undefined; close(): void }>;
  readLogs(
    id: string,
    options: { sinceMs: number; signal: AbortSignal },
  ): AsyncIterable<{ stream: StreamName; timestamp: string; text: string }>;
  /** `gone` when the engine does not know it. */
  containerState(id: string): Promise<ContainerState>;
}

/** A container and the name that its lines carry. */
export type CollectedContainer = Pick<ContainerProgress, 'containerId' | 'appId' | 'process' | 'tty'>;

/** How much live output may wait while the log file is read. */
const MAX_HELD_LENGTH = 16 * 1024 * 1024;
const CATCH_UP_MS = 5000;
/** How long more lines are waited for when identical ones leave open where the live ones begin: one of them comes in time. */
const UNCLEAR_MS = 1500;
/** A log file of this size may have been rotated (container-spec.ts: 10 MB each): its beginning is not the first line. */
const ROTATED_BYTES = 9_500_000;
/** The engine's stamps and ours differ; the file is read from this much before the last stored line. */
const OVERLAP_MS = 3000;

export class ContainerOutput {
  readonly container: CollectedContainer;
  readonly #engine: OutputEngine;
  readonly #nowUs: () => number;
  readonly #log: Logger;
  readonly #emit: (lines: OutputLines) => void;
  readonly #onGap: (reason: string) => void;
  readonly #streams: readonly OutputStream[];
  readonly #stopping = new AbortController();
  readonly #hasHistory: boolean;
  #isFromStart: boolean;
  #isGapTold = false;
  #hasEnded = false;
  #close: (() => void) | undefined;
  #chunks: { stream: OutputStream; bytes: Buffer[] }[] = [];
  #turn: NodeJS.Immediate | undefined;
  #catchingUp: Promise<void> | undefined;

  /** `emit` gets the lines in order; `onGap` the reason when lines are missing and nobody can say how many. */
  constructor(options: {
    container: CollectedContainer;
    progress: ContainerProgress | undefined;
    engine: OutputEngine;
    nowUs: () => number;
    log: Logger;
    emit: (lines: OutputLines) => void;
    onGap: (reason: string) => void;
  }) {
    const { progress } = options;
    this.container = options.container;
    this.#engine = options.engine;
    this.#nowUs = options.nowUs;
    this.#log = options.log;
    this.#emit = options.emit;
    this.#onGap = options.onGap;
    this.#hasHistory = progress !== undefined;
    this.#isFromStart = progress?.isFromStart ?? true;
    this.#streams = [
      new OutputStream('stdout', progress?.stdout, false),
      new OutputStream('stderr', progress?.stderr, false),
    ];
  }

  /**
   * Resolves when the streams are open. `ended` resolves to `complete` when all output was taken, and to `broken` when the
   * connection ended but the container goes on.
   */
  async open(): Promise<{ ended: Promise<'complete' | 'broken'> }> {
    const { containerId, tty } = this.container;
    let state = await this.#engine.containerState(containerId);
    if (state === 'ended' || state === 'gone') return { ended: this.#finish(state) };
    const attachment = await this.#engine.attach(containerId, { tty, stdin: false });
    this.#close = () => attachment.close();
    // It may have started, and printed, before the streams were open.
    if (state === 'created') state = await this.#stateWhileUnread();
    const ends: Promise<void>[] = [];
    // An engine that was killed in the middle of a start goes on calling its container created (seen with 20.10).
    const isUnborn = state === 'created' && !this.#hasHistory;
    for (const stream of this.#streams) {
      stream.isJoined = isUnborn;
      const source = attachment[stream.name];
      if (source !== undefined) ends.push(this.#listen(source, stream));
    }
    if (state !== 'created' || this.#streams.some(({ count }) => count > 0)) this.#catchUp();
    // What had no place yet when the connection broke is left to the next try, which finds it in the file.
    return {
      ended: Promise.all(ends)
        .then(() => this.#streamsEnded())
        .finally(() => this.close()),
    };
  }

  /** What has to be stored to go on later. */
  progress(): ContainerProgress {
    const [stdout, stderr] = this.#streams.map((stream) => stream.progress());
    if (stdout === undefined || stderr === undefined) throw new Error('a container has two streams');
    return {
      ...this.container,
      isFromStart: this.#isFromStart,
      hasEnded: this.#hasEnded,
      stdout,
      stderr,
    };
  }

  /** Lets go of the container, which goes on. */
  close(): void {
    this.#takeTurn();
    this.#stopping.abort();
    this.#close?.();
  }

  /** Streams that nobody reads hold the container up as soon as they are full: they do not outlive a failure. */
  async #stateWhileUnread(): Promise<ContainerState> {
    try {
      return await this.#engine.containerState(this.container.containerId);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #listen(source: Readable, stream: OutputStream): Promise<void> {
    source.on('data', (bytes: Buffer) => {
      if (this.#stopping.signal.aborted) return;
      const last = this.#chunks.at(-1);
      if (last?.stream === stream) last.bytes.push(bytes);
      else this.#chunks.push({ stream, bytes: [bytes] });
      this.#turn ??= setImmediate(() => this.#takeTurn());
    });
    return new Promise((resolve) => {
      source.on('end', resolve);
      source.on('close', resolve);
      source.on('error', (err) => this.#log.debug({ err }, 'container output broke off'));
    });
  }

  /** Everything that arrived in one turn of the event loop is one piece of work. */
  #takeTurn(): void {
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
    const chunks = this.#chunks;
    this.#chunks = [];
    const timestampUs = this.#nowUs();
    for (const { stream, bytes } of chunks) {
      const [first] = bytes;
      const chunk = bytes.length === 1 && first !== undefined ? first : Buffer.concat(bytes);
      for (const split of stream.splitter.push(chunk)) this.#take(stream, { ...split, timestampUs });
    }
  }

  #take(stream: OutputStream, lines: OutputLines): void {
    if (stream.isJoined) {
      this.#pass(stream, stream.skipKnown(lines));
      return;
    }
    stream.hold(lines);
    if (stream.heldLength > MAX_HELD_LENGTH) this.#giveUp('its output outran its log file');
    else this.#catchUp();
  }

  #pass(stream: OutputStream, lines: OutputLines): void {
    if (lines.lines.length === 0) return;
    stream.note(lines);
    this.#emit(lines);
  }

  async #streamsEnded(): Promise<'complete' | 'broken'> {
    if (this.#stopping.signal.aborted) return 'broken';
    this.#takeTurn();
    let state = await this.#engine.containerState(this.container.containerId);
    // The streams end some milliseconds before the engine says so.
    for (let tries = 0; tries < 10 && state === 'running'; tries += 1) {
      await sleep(30);
      state = await this.#engine.containerState(this.container.containerId);
    }
    return state === 'created' || state === 'running' ? 'broken' : await this.#finish(state);
  }

  async #finish(state: ContainerState): Promise<'complete' | 'broken'> {
    for (const stream of this.#streams) {
      for (const split of stream.splitter.end()) this.#take(stream, { ...split, timestampUs: this.#nowUs() });
    }
    if (state === 'gone' && this.#catchingUp === undefined) {
      const isComplete = this.#streams.every((stream) => stream.isJoined);
      if (!isComplete && this.#hasHistory) this.#giveUp('it was removed before the rest could be read');
    } else if (this.#streams.some((stream) => !stream.isJoined)) this.#catchUp();
    await this.#catchingUp;
    if (this.#stopping.signal.aborted) return 'broken';
    this.#hasEnded = true;
    return 'complete';
  }

  /** Fills the gap before the live lines from the log file; one at a time. */
  #catchUp(): void {
    if (this.#stopping.signal.aborted) return;
    this.#catchingUp ??= this.#fillGap()
      .catch((err) => {
        this.#log.debug({ err, container: this.container.containerId }, 'engine is away during a catch-up');
        this.close();
      })
      .finally(() => {
        this.#catchingUp = undefined;
      });
  }

  /** Throws when the engine is away: then nothing is given up, the next try begins where this one stopped. */
  async #fillGap(): Promise<void> {
    const { signal } = this.#stopping;
    let waitMs = 20;
    for (let waitedMs = 0; !signal.aborted; waitedMs += waitMs) {
      const found = await this.#fillOnce(waitedMs < UNCLEAR_MS).catch((err: unknown) => ({ err }));
      if (found === true || signal.aborted) return;
      const reason = await this.#hopeless(found, waitedMs);
      if (reason !== undefined) {
        if (!signal.aborted) this.#giveUp(reason);
        return;
      }
      // The file lags behind the streams by some milliseconds.
      await sleep(waitMs, undefined, { signal });
      waitMs = Math.min(1000, waitMs * 2);
    }
  }

  /** Why waiting longer is of no use; undefined while it is. Throws when the engine is away. */
  async #hopeless(found: false | { err: unknown }, waitedMs: number): Promise<string | undefined> {
    const isLate = waitedMs > CATCH_UP_MS;
    if (found === false) return isLate ? 'its log file does not hold the lines in between' : undefined;
    const { containerId } = this.container;
    const state = await this.#engine.containerState(containerId);
    if (state === 'gone') return 'it was removed before the rest could be read';
    if (!isLate) return undefined;
    this.#log.warn({ err: found.err, container: containerId }, 'log file of a container is not readable');
    return 'its log file could not be read';
  }

  /** True when no live line waits any more. */
  async #fillOnce(mayWait: boolean): Promise<boolean> {
    const lastUs = Math.max(...this.#streams.map((stream) => stream.lastUs));
    const sinceMs = Math.max(0, Math.floor(lastUs / 1000) - OVERLAP_MS);
    const found = await this.#placeAll(lastUs === 0 ? 0 : sinceMs, mayWait);
    const isUnsure = found.placements.some(([, placement]) => placement?.kind === 'ambiguous');
    const { file, placements } = isUnsure && this.#isFromStart ? await this.#placeAll(0, mayWait) : found;
    if (this.#stopping.signal.aborted) return false;
    if (lastUs === 0 && file.bytes >= ROTATED_BYTES) this.#tellGap('its log file was rotated meanwhile');
    if (placements.some(([, placement]) => placement?.kind === 'lost')) {
      this.#tellGap('its log file no longer goes back to the last line that was kept');
    }
    if (placements.some(([, placement]) => placement?.isSeamOpen)) {
      this.#tellGap('it printed identical lines too fast to tell them apart');
    }
    this.#emitFromFile(file, placements);
    for (const [stream, placement] of placements) {
      if (placement === undefined || placement.skipHeld === 0) continue;
      stream.isJoined = true;
      for (const lines of stream.release(placement.skipHeld)) this.#pass(stream, lines);
    }
    return this.#streams.every((stream) => !stream.isHolding);
  }

  async #placeAll(
    sinceMs: number,
    mayWait: boolean,
  ): Promise<{ file: EngineFile; placements: [OutputStream, Placement | undefined][] }> {
    const { containerId } = this.container;
    const { signal } = this.#stopping;
    const file = await readEngineFile(this.#engine.readLogs(containerId, { sinceMs, signal }));
    const options = { sinceUs: sinceMs * 1000, isWhole: sinceMs === 0 && this.#isFromStart, mayWait };
    const placements = this.#streams.map((stream): [OutputStream, Placement | undefined] => {
      const isDone = stream.isJoined;
      return [stream, isDone ? undefined : stream.place(file, options)];
    });
    return { file, placements };
  }

  #emitFromFile(file: EngineFile, placements: readonly [OutputStream, Placement | undefined][]): void {
    const at = { stdout: 0, stderr: 0 };
    for (const name of file.order) {
      const position = at[name];
      at[name] += 1;
      const line = file[name][position];
      const found = placements.find(([stream]) => stream.name === name);
      if (line === undefined || found === undefined) continue;
      const [stream, placement] = found;
      if (placement === undefined || position < placement.from || position >= placement.to) continue;
      const isSplit = line.isSplit ?? false;
      this.#pass(stream, { lines: [line.text], isSplit, timestampUs: line.timeUs });
    }
  }

  #giveUp(reason: string): void {
    this.#tellGap(reason);
    for (const stream of this.#streams) {
      if (stream.isJoined) continue;
      stream.isJoined = true;
      for (const lines of stream.release(0)) this.#pass(stream, lines);
    }
  }

  #tellGap(reason: string): void {
    this.#isFromStart = false;
    if (!this.#isGapTold) this.#onGap(reason);
    this.#isGapTold = true;
  }
}
