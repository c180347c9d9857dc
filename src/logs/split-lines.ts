// From a stream of bytes to clean lines. Where a long line is cut depends on its bytes only, never on the chunks.

import { characterStart, cleanText, MAX_LINE_BYTES } from './line.js';

/** Lines that belong together: either whole ones, or one head of a line that is too long. */
export interface SplitLines {
  readonly lines: string[];
  /** These lines go on in the next one. */
  readonly isSplit: boolean;
}

const LF = 10;

/** Splits one output stream of a process. Holds at most one line of `MAX_LINE_BYTES`. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** The lines that this chunk completes, in order. */
  push(chunk: Buffer): SplitLines[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = bytes.lastIndexOf(LF);
    const out: SplitLines[] = [];
    if (end >= 0) takeWhole(bytes.subarray(0, end), out);
    let rest = bytes.subarray(end + 1);
    rest = takeHeads(rest, out);
    // A copy, so that the chunk's memory is not held by a few bytes of it.
    this.#rest = rest.length === 0 ? rest : Buffer.from(rest);
    return out;
  }

  /** The unfinished last line, when the stream has ended. */
  end(): SplitLines[] {
    if (this.#rest.length === 0) return [];
    const line = cleanText(this.#rest.toString('utf8'));
    this.#rest = Buffer.alloc(0);
    return [{ lines: [line], isSplit: false }];
  }
}

/** `bytes` are complete lines without the last line end. */
function takeWhole(bytes: Buffer, out: SplitLines[]): void {
  if (!hasLongLine(bytes)) {
    // Invalid UTF-8 becomes U+FFFD here. A line end is never part of a longer character, so lines decode as if alone.
    out.push({ lines: cleanText(bytes.toString('utf8')).split('\n'), isSplit: false });
    return;
  }
  let start = 0;
  while (start <= bytes.length) {
    const found = bytes.indexOf(LF, start);
    const end = found < 0 ? bytes.length : found;
    const rest = takeHeads(bytes.subarray(start, end), out);
    out.push({ lines: [cleanText(rest.toString('utf8'))], isSplit: false });
    start = end + 1;
  }
}

/** Cuts full heads off an over-long line; returns what is left of it. */
function takeHeads(line: Buffer, out: SplitLines[]): Buffer {
  let start = 0;
  while (line.length - start > MAX_LINE_BYTES) {
    const end = characterStart(line, start + MAX_LINE_BYTES);
    out.push({ lines: [cleanText(line.toString('utf8', start, end))], isSplit: true });
    start = end;
  }
  return line.subarray(start);
}

function hasLongLine(bytes: Buffer): boolean {
  let start = 0;
  while (bytes.length - start > MAX_LINE_BYTES) {
    const end = bytes.lastIndexOf(LF, start + MAX_LINE_BYTES);
    if (end < start) return true;
    start = end + 1;
  }
  return false;
}
