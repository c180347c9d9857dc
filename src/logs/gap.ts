// The gap between what is stored of a container's output and what comes live, filled from the engine's log file: for the
// time when nobody was attached. What cannot be filled is told once, with the reason.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { type EngineFile, readEngineFile } from './engine-file.js';
import type { OutputEngine } from './output-engine.js';
import type { OutputLines, OutputStream, Placement } from './output-stream.js';

export interface GapOptions {
  readonly containerId: string;
  readonly engine: Pick<OutputEngine, 'readLogs' | 'containerState'>;
  readonly streams: readonly OutputStream[];
  /** Whether the first line that is known is the first of all. */
  readonly isFromStart: boolean;
  readonly log: Logger;
  /** Lines whose place is known, in order. */
  readonly pass: (stream: OutputStream, lines: OutputLines) => void;
  /** Lines are missing and nobody can say how many; told once. */
  readonly onGap: (reason: string) => void;
  /** Aborts when the container is let go of. */
  readonly signal: AbortSignal;
  /** The engine is away: nothing is given up, the next try begins where this one stopped. */
  readonly onEngineAway: () => void;
}

const CATCH_UP_MS = 5000;
/** How long more lines are waited for when identical ones leave open where the live ones begin: one of them comes in time. */
const UNCLEAR_MS = 1500;
/** A log file of this size may have been rotated (container-spec.ts: 10 MB each): its beginning is not the first line. */
const ROTATED_BYTES = 9_500_000;
/** The engine's stamps and ours differ; the file is read from this much before the last stored line. */
const OVERLAP_MS = 3000;

/** Of one container. */
export class Gap {
  readonly #options: GapOptions;
  #isFromStart: boolean;
  #isTold = false;
  #filling: Promise<void> | undefined;

  constructor(options: GapOptions) {
    this.#options = options;
    this.#isFromStart = options.isFromStart;
  }

  get isFromStart(): boolean {
    return this.#isFromStart;
  }

  /** Settles when nothing is being filled; undefined when nothing is. */
  get filling(): Promise<void> | undefined {
    return this.#filling;
  }

  /** Fills it up to the live lines that wait; one try at a time. */
  fill(): void {
    const { signal, log, containerId, onEngineAway } = this.#options;
    if (signal.aborted) return;
    this.#filling ??= this.#fillGap()
      .catch((err) => {
        log.debug({ err, container: containerId }, 'engine is away during a catch-up');
        onEngineAway();
      })
      .finally(() => {
        this.#filling = undefined;
      });
  }

  /** Throws when the engine is away: then nothing is given up, the next try begins where this one stopped. */
  async #fillGap(): Promise<void> {
    const { signal } = this.#options;
    let waitMs = 20;
    for (let waitedMs = 0; !signal.aborted; waitedMs += waitMs) {
      const found = await this.#fillOnce(waitedMs < UNCLEAR_MS).catch((err: unknown) => ({ err }));
      if (found === true || signal.aborted) return;
      const reason = await this.#hopeless(found, waitedMs);
      if (reason !== undefined) {
        if (!signal.aborted) this.giveUp(reason);
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
    const { containerId, engine, log } = this.#options;
    const state = await engine.containerState(containerId);
    if (state === 'gone') return 'it was removed before the rest could be read';
    if (!isLate) return undefined;
    log.warn({ err: found.err, container: containerId }, 'log file of a container is not readable');
    return 'its log file could not be read';
  }

  /** True when no live line waits any more. */
  async #fillOnce(mayWait: boolean): Promise<boolean> {
    const lastUs = Math.max(...this.#options.streams.map((stream) => stream.lastUs));
    // The stream that waits, not the one that goes on meanwhile.
    const unreadUs = Math.min(...this.#options.streams.map((stream) => stream.unreadSinceUs ?? lastUs));
    const sinceMs = Math.max(0, Math.floor(unreadUs / 1000) - OVERLAP_MS);
    const found = await this.#placeAll(sinceMs, mayWait);
    const isUnsure = found.placements.some(([, placement]) => placement?.kind === 'ambiguous');
    const { file, placements } = isUnsure && this.#isFromStart ? await this.#placeAll(0, mayWait) : found;
    if (this.#options.signal.aborted) return false;
    if (lastUs === 0 && file.bytes >= ROTATED_BYTES) this.#tell('its log file was rotated meanwhile');
    if (placements.some(([, placement]) => placement?.kind === 'lost')) {
      this.#tell('its log file no longer goes back to the last line that was kept');
    }
    if (placements.some(([, placement]) => placement?.isSeamOpen)) {
      this.#tell('it printed identical lines too fast to tell them apart');
    }
    this.#emitFromFile(file, placements);
    for (const [stream, placement] of placements) {
      if (placement === undefined) continue;
      if (placement.skipHeld === 0) {
        stream.noteLooked(newestUs(file));
        continue;
      }
      stream.join();
      for (const lines of stream.release(placement.skipHeld)) this.#options.pass(stream, lines);
    }
    return this.#options.streams.every((stream) => !stream.isHolding);
  }

  async #placeAll(
    sinceMs: number,
    mayWait: boolean,
  ): Promise<{ file: EngineFile; placements: [OutputStream, Placement | undefined][] }> {
    const { containerId, engine, streams, signal } = this.#options;
    const file = await readEngineFile(engine.readLogs(containerId, { sinceMs, signal }));
    const options = { sinceUs: sinceMs * 1000, isWhole: sinceMs === 0 && this.#isFromStart, mayWait };
    const placements = streams.map((stream): [OutputStream, Placement | undefined] => {
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
      this.#options.pass(stream, { lines: [line.text], isSplit, timestampUs: line.timeUs });
    }
  }

  /** Lets the live lines go on without what is missing. */
  giveUp(reason: string): void {
    this.#tell(reason);
    for (const stream of this.#options.streams) {
      if (stream.isJoined) continue;
      stream.join();
      for (const lines of stream.release(0)) this.#options.pass(stream, lines);
    }
  }

  #tell(reason: string): void {
    this.#isFromStart = false;
    if (!this.#isTold) this.#options.onGap(reason);
    this.#isTold = true;
  }
}

function newestUs(file: EngineFile): number {
  return Math.max(file.stdout.at(-1)?.timeUs ?? 0, file.stderr.at(-1)?.timeUs ?? 0);
}
