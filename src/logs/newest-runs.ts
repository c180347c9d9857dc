// What a reader of the kept lines gets of one stored block (pure).

import { type LogFilter, matchesFilter } from './line.js';
import { clipRun, decodeRuns, encodeRun } from './runs.js';

/** The newest wanted lines of one block, at most `lines` of those before `beforeSeq`, oldest first. */
export function newestRuns(
  block: Buffer,
  query: { lines: number; beforeSeq: number; filter: LogFilter },
): { runs: string; lineCount: number } {
  const found: string[] = [];
  let lineCount = 0;
  for (const run of decodeRuns(block.toString('utf8')).reverse()) {
    if (lineCount >= query.lines) break;
    const wanted = matchesFilter(run, query.filter) ? clipRun(run, 0, query.beforeSeq) : undefined;
    if (wanted === undefined) continue;
    const skipped = Math.max(0, wanted.lines.length - (query.lines - lineCount));
    const newest = clipRun(wanted, wanted.firstSeq + skipped - 1);
    if (newest === undefined) continue;
    found.push(encodeRun(newest));
    lineCount += newest.lines.length;
  }
  return { runs: found.reverse().join(''), lineCount };
}
