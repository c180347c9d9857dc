// The output of one container, from its attach streams (or, for the time when nobody was attached, from the engine's log
// file) to the journal. It never stops reading: a stalled reader stops the container.

import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { Gap } from './gap.js';
import type { ContainerState, OutputEngine } from './output-engine.js';
import { type OutputLines, OutputStream } from './output-stream.js';
import type { ContainerProgress } from './store.js';

/** A container and the name that its lines carry. */
export type CollectedContainer = Pick<ContainerProgress, 'containerId' | 'appId' | 'process' | 'tty'>;

/** How much live output may wait while the log file is read. */
const MAX_HELD_LENGTH = 16 * 1024 * 1024;
export class ContainerOutput {
  readonly container: CollectedContainer;
  readonly #engine: OutputEngine;
  readonly #nowUs: () => number;
  readonly #log: Logger;
  readonly #emit: (lines: OutputLines) => void;
  readonly #streams: readonly OutputStream[];
  readonly #stopping = new AbortController();
  readonly #hasHistory: boolean;
  #hasEnded = false;
  #close: (() => void) | undefined;
  #chunks: { stream: OutputStream; bytes: Buffer[] }[] = [];
  #turn: NodeJS.Immediate | undefined;
  readonly #gap: Gap;

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
    this.#hasHistory = progress !== undefined;
    const readUntilUs = Math.max(progress?.stdout.lastUs ?? 0, progress?.stderr.lastUs ?? 0);
    this.#streams = [
      new OutputStream('stdout', progress?.stdout, readUntilUs),
      new OutputStream('stderr', progress?.stderr, readUntilUs),
    ];
    this.#gap = new Gap({
      containerId: this.container.containerId,
      engine: this.#engine,
      streams: this.#streams,
      isFromStart: progress?.isFromStart ?? true,
      log: this.#log,
      pass: (stream, lines) => this.#pass(stream, lines),
      onGap: options.onGap,
      signal: this.#stopping.signal,
      onEngineAway: () => this.close(),
    });
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
      if (isUnborn) stream.join();
      const source = attachment[stream.name];
      if (source !== undefined) ends.push(this.#listen(source, stream));
    }
    if (state !== 'created' || this.#streams.some(({ count }) => count > 0)) this.#gap.fill();
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
      isFromStart: this.#gap.isFromStart,
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
    stream.hold(lines, this.#readUntilUs());
    if (stream.heldLength > MAX_HELD_LENGTH) this.#gap.giveUp('its output outran its log file');
    else this.#gap.fill();
  }

  #readUntilUs(): number {
    return Math.max(...this.#streams.map(({ lastUs }) => lastUs));
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
    if (state === 'gone' && this.#gap.filling === undefined) {
      const isComplete = this.#streams.every((stream) => stream.isJoined);
      if (!isComplete && this.#hasHistory) this.#gap.giveUp('it was removed before the rest could be read');
    } else if (this.#streams.some((stream) => !stream.isJoined)) this.#gap.fill();
    await this.#gap.filling;
    if (this.#stopping.signal.aborted) return 'broken';
    this.#hasEnded = true;
    return 'complete';
  }
}
