// One output stream of a container: how far it was read, and what waits for its place while a gap is filled.

import { findResume, findSeam, fingerprint, RECENT_LINES } from './catch-up.js';
import type { EngineFile, StreamName } from './engine-file.js';
import { LineSplitter, type SplitLines } from './split-lines.js';
import type { StreamProgress } from './store.js';

/** Lines that were read at one time. */
export interface OutputLines extends SplitLines {
  readonly timestampUs: number;
}

/** Which lines of the file are to be taken, and how many of the waiting ones are among them. */
export interface Placement {
  readonly from: number;
  /** One behind the last. */
  readonly to: number;
  /** When it is more than wait, the file was ahead: the stream is yet to bring lines that were taken from the file. */
  readonly skipHeld: number;
  readonly kind: 'exact' | 'ambiguous' | 'lost';
  /** Identical lines leave open by how many the file's and the waiting ones overlap. */
  readonly isSeamOpen?: boolean;
}

/** How long after an attach the engine's file may get what was printed before it. */
const FILE_LAG_US = 60_000_000;

export class OutputStream {
  readonly name: StreamName;
  readonly splitter = new LineSplitter();
  #isJoined = false;
  #unreadSinceUs: number | undefined;
  /** How far the file went when it was read and no live line waited. */
  #lookedUntilUs = 0;
  #held: OutputLines[] = [];
  #heldLength = 0;
  #known = 0;
  #count: number;
  #recent: readonly number[];
  #recentTexts: string[] = [];
  #lastUs: number;

  /** `readUntilUs`: when any stream of the container was read last; what came since may be missing. */
  constructor(name: StreamName, progress: StreamProgress | undefined, readUntilUs: number) {
    this.name = name;
    this.#unreadSinceUs = progress?.unreadSinceUs ?? readUntilUs;
    this.#count = progress?.count ?? 0;
    this.#recent = progress?.recent ?? [];
    this.#lastUs = progress?.lastUs ?? 0;
  }

  get lastUs(): number {
    return this.#lastUs;
  }

  /** False until the place of its live lines in the whole output is known. */
  get isJoined(): boolean {
    return this.#isJoined;
  }

  /** Since when lines of it may be missing, epoch microseconds; undefined when none are. */
  get unreadSinceUs(): number | undefined {
    return this.#unreadSinceUs;
  }

  /** The place of its live lines is known, or is given up. */
  join(): void {
    this.#isJoined = true;
    this.#unreadSinceUs = undefined;
  }

  /** All that the file has of it, up to this time, was taken, and no live line waits. */
  noteLooked(untilUs: number): void {
    this.#lookedUntilUs = untilUs;
    this.#unreadSinceUs = undefined;
  }

  /** Lines that were taken for good. */
  get count(): number {
    return this.#count;
  }

  /** Whether lines wait, be they empty ones. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** UTF-16 units that wait. */
  get heldLength(): number {
    return this.#heldLength;
  }

  /** Keeps lines until their place is known. `readUntilUs` as for the constructor. */
  hold(lines: OutputLines, readUntilUs: number): void {
    const isLagOver = readUntilUs - this.#lookedUntilUs > FILE_LAG_US;
    this.#unreadSinceUs ??= isLagOver ? readUntilUs : this.#lookedUntilUs;
    this.#held.push(lines);
    for (const text of lines.lines) this.#heldLength += text.length;
  }

  /** Counts lines that are taken for good. */
  note(lines: OutputLines): void {
    this.#count += lines.lines.length;
    this.#lastUs = lines.timestampUs;
    this.#recentTexts =
      lines.lines.length >= RECENT_LINES
        ? lines.lines.slice(-RECENT_LINES)
        : [...this.#recentTexts, ...lines.lines].slice(-RECENT_LINES);
  }

  /** What has to be stored. */
  progress(): StreamProgress {
    this.#recent = [...this.#recent, ...this.#recentTexts.map(fingerprint)].slice(-RECENT_LINES);
    this.#recentTexts = [];
    const unread = this.#unreadSinceUs === undefined ? {} : { unreadSinceUs: this.#unreadSinceUs };
    return { count: this.#count, recent: this.#recent, lastUs: this.#lastUs, ...unread };
  }

  /**
   * Where the file's lines and the waiting ones belong; undefined while the file has not got as far as the stream, and,
   * with `mayWait`, while more waiting lines would tell better.
   */
  place(
    file: EngineFile,
    options: { sinceUs: number; isWhole: boolean; mayWait: boolean },
  ): Placement | undefined {
    const lines = file[this.name];
    // All that the file shows is newer than what was read of this stream.
    const isAllNew = this.#lastUs < options.sinceUs;
    const resume = isAllNew
      ? ({ kind: 'found', index: 0 } as const)
      : findResume(lines, this.progress(), options.isWhole);
    const kind = resume.kind === 'found' ? 'exact' : resume.kind;
    const held = this.#held.flatMap(({ lines: texts, timestampUs }) =>
      texts.map((text) => ({ text, timeUs: timestampUs })),
    );
    if (held.length === 0) return { from: resume.index, to: lines.length, skipHeld: 0, kind };
    const found = findSeam(lines, held);
    if (found === undefined || (!found.isOnly && options.mayWait)) return undefined;
    const seam = found.index;
    const skipHeld = Math.max(1, resume.index - seam);
    return { from: resume.index, to: seam + 1, skipHeld, kind, isSeamOpen: !found.isSure };
  }

  /** Gives out what waits, without its first `skip` lines; those that have not come yet are left out when they come. */
  release(skip: number): OutputLines[] {
    const held = this.#held;
    this.#held = [];
    this.#heldLength = 0;
    const out: OutputLines[] = [];
    this.#known = skip;
    for (const entry of held) {
      const rest = this.skipKnown(entry);
      if (rest.lines.length > 0) out.push(rest);
    }
    return out;
  }

  /** Live lines without those that the file had already given. */
  skipKnown(lines: OutputLines): OutputLines {
    if (this.#known === 0) return lines;
    const rest = lines.lines.slice(this.#known);
    this.#known = Math.max(0, this.#known - lines.lines.length);
    return { ...lines, lines: rest };
  }
}
