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

export class OutputStream {
  readonly name: StreamName;
  readonly splitter = new LineSplitter();
  /** False until the place of its live lines in the whole output is known. */
  isJoined: boolean;
  #held: OutputLines[] = [];
  #heldLength = 0;
  #known = 0;
  #count: number;
  #recent: readonly number[];
  #recentTexts: string[] = [];
  #lastUs: number;

  constructor(name: StreamName, progress: StreamProgress | undefined, isJoined: boolean) {
    this.name = name;
    this.isJoined = isJoined;
    this.#count = progress?.count ?? 0;
    this.#recent = progress?.recent ?? [];
    this.#lastUs = progress?.lastUs ?? 0;
  }

  get lastUs(): number {
    return this.#lastUs;
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

  hold(lines: OutputLines): void {
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
    return { count: this.#count, recent: this.#recent, lastUs: this.#lastUs };
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
