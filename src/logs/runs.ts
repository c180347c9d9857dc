// The one text form of log lines, on disk and on the collector's socket: runs. A run is some lines of one process that
// were read at once: a header `FIRST-SEQ COUNT TIMESTAMP-US SOURCE PROCESS [+]`, then COUNT lines of text. `+` marks heads
// of an over-long line. Lines hold no LF, so nothing needs escaping and a flood costs no work per line.
// On the socket there are two more headers: `!dropped COUNT SINCE-US` and `!idle SEQ`.

import { isOpenFilter, type LogFilter, type LogLine, type LogSource, matchesFilter } from './line.js';

/** Lines of one process with the same time stamp and consecutive sequence numbers. */
export interface Run {
  readonly firstSeq: number;
  readonly timestampUs: number;
  readonly source: LogSource;
  readonly process: string;
  readonly isSplit: boolean;
  readonly lines: readonly string[];
}

/** What comes over the socket. A run may arrive in several pieces; each piece is a run. */
export type Frame =
  | { readonly kind: 'run'; readonly run: Run }
  /** Lines that this reader was too slow for. */
  | { readonly kind: 'dropped'; readonly count: number; readonly sinceUs: number }
  /** Nothing more to send for now; `seq` is the position to resume from. */
  | { readonly kind: 'idle'; readonly seq: number };

/** The text form of a run. */
export function encodeRun(run: Run): string {
  return `${encodeHeader(run, run.lines.length)}${run.lines.join('\n')}\n`;
}

/** The header of a run of `count` lines, with its line end. */
export function encodeHeader(run: Omit<Run, 'lines'>, count: number): string {
  const split = run.isSplit ? ' +' : '';
  return `${run.firstSeq} ${count} ${run.timestampUs} ${run.source} ${run.process}${split}\n`;
}

/** The bytes of runs whose text form is there in pieces. */
export function joinRuns(runs: readonly { readonly text: readonly (string | Buffer)[] }[]): Buffer {
  const pieces = runs.flatMap(({ text }) => text);
  if (pieces.every((piece) => typeof piece === 'string')) return Buffer.from(pieces.join(''));
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}

export function encodeDropped(count: number, sinceUs: number): string {
  return `!dropped ${count} ${sinceUs}\n`;
}

export function encodeIdle(seq: number): string {
  return `!idle ${seq}\n`;
}

/** All runs of a stored block. */
export function decodeRuns(text: string): Run[] {
  const runs: Run[] = [];
  for (const frame of new FrameDecoder().push(text)) if (frame.kind === 'run') runs.push(frame.run);
  return runs;
}

/** The lines of a run. */
export function runLines(run: Run): LogLine[] {
  const { timestampUs, source, process, firstSeq } = run;
  return run.lines.map((text, index) => ({
    seq: firstSeq + index,
    timestampUs,
    source,
    process,
    text,
    ...(run.isSplit && { isSplit: true as const }),
  }));
}

/** The part of a run with numbers above `afterSeq` and below `beforeSeq`; undefined when there is none. */
export function clipRun(run: Run, afterSeq: number, beforeSeq = Number.POSITIVE_INFINITY): Run | undefined {
  const from = Math.max(0, afterSeq + 1 - run.firstSeq);
  const to = Math.min(run.lines.length, beforeSeq - run.firstSeq);
  if (from >= to) return undefined;
  if (from === 0 && to === run.lines.length) return run;
  return { ...run, firstSeq: run.firstSeq + from, lines: run.lines.slice(from, to) };
}

/** The wanted part of a stored block, in text form. */
export function selectRuns(block: string, afterSeq: number, filter: LogFilter): string {
  const isOpen = isOpenFilter(filter);
  let out = '';
  for (const run of decodeRuns(block)) {
    if (!isOpen && !matchesFilter(run, filter)) continue;
    const rest = clipRun(run, afterSeq);
    if (rest !== undefined) out += encodeRun(rest);
  }
  return out;
}

/** Reads the text form from chunks of any size. Throws on text that is none. */
export class FrameDecoder {
  #rest = '';
  #open: { run: Omit<Run, 'lines'>; remaining: number } | undefined;

  push(chunk: string): Frame[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    const frames: Frame[] = [];
    let at = 0;
    while (at < lines.length) {
      if (this.#open === undefined) {
        this.#readHeader(lines[at] ?? '', frames);
        at += 1;
        continue;
      }
      const { run, remaining } = this.#open;
      const taken = lines.slice(at, at + remaining);
      frames.push({ kind: 'run', run: { ...run, lines: taken } });
      at += taken.length;
      this.#open =
        taken.length === remaining
          ? undefined
          : { run: { ...run, firstSeq: run.firstSeq + taken.length }, remaining: remaining - taken.length };
    }
    return frames;
  }

  #readHeader(header: string, frames: Frame[]): void {
    const [first = '', second = '', third = '', source, process = '', split] = header.split(' ');
    if (first === '!idle') frames.push({ kind: 'idle', seq: Number(second) });
    else if (first === '!dropped')
      frames.push({ kind: 'dropped', count: Number(second), sinceUs: Number(third) });
    else if (!/^\d+$/.test(first) || (source !== 'app' && source !== 'heroku'))
      throw new Error('not the text form of log runs');
    else {
      const run = {
        firstSeq: Number(first),
        timestampUs: Number(third),
        source,
        process,
        isSplit: split === '+',
      } as const;
      if (Number(second) > 0) this.#open = { run, remaining: Number(second) };
    }
  }
}
