// The engine's own log file of a container, as lines of the same form that its streams give.

import type { EngineLine } from './catch-up.js';
import { LineSplitter } from './split-lines.js';

export type StreamName = 'stdout' | 'stderr';

/** Lines of one container: per stream, and in the order of the file. */
export interface EngineFile {
  readonly stdout: readonly EngineLine[];
  readonly stderr: readonly EngineLine[];
  readonly order: readonly StreamName[];
  /** About what it takes on the engine's disk. */
  readonly bytes: number;
}

/** The engine splits what it logs into pieces of this size, each with a time stamp (moby daemon/logger/copier.go). */
const ENGINE_PIECE_BYTES = 16_384;
/** What json-file writes around a line. */
const ENGINE_ENTRY_BYTES = 72;

/** Collects the file's lines; over-long ones are cut exactly as in the streams. */
export async function readEngineFile(
  entries: AsyncIterable<{ stream: StreamName; timestamp: string; text: string }>,
): Promise<EngineFile> {
  const lines: Record<StreamName, EngineLine[]> = { stdout: [], stderr: [] };
  const order: StreamName[] = [];
  let bytes = 0;
  const splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() };
  for await (const { stream, timestamp, text } of entries) {
    const timeUs = parseTimeUs(timestamp);
    bytes += JSON.stringify(text).length + ENGINE_ENTRY_BYTES;
    for (const split of splitters[stream].push(Buffer.from(`${withoutInnerStamps(text)}\n`))) {
      for (const line of split.lines) {
        lines[stream].push(split.isSplit ? { text: line, timeUs, isSplit: true } : { text: line, timeUs });
        order.push(stream);
      }
    }
  }
  return { ...lines, order, bytes };
}

/** RFC 3339 with up to nine digits as epoch microseconds; 0 when it is none. */
export function parseTimeUs(timestamp: string): number {
  const match = /^(.*:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(timestamp);
  if (match === null) return 0;
  const [, seconds = '', fraction = '', zone = ''] = match;
  const ms = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(ms) ? 0 : ms * 1000 + Number(fraction.padEnd(9, '0').slice(0, 6));
}

function withoutInnerStamps(text: string): string {
  if (text.length * 3 <= ENGINE_PIECE_BYTES) return text;
  let rest = Buffer.from(text);
  const pieces: Buffer[] = [];
  while (rest.length > ENGINE_PIECE_BYTES) {
    pieces.push(rest.subarray(0, ENGINE_PIECE_BYTES));
    rest = rest.subarray(ENGINE_PIECE_BYTES);
    const stamp = /^\d{4}-\d\d-\d\dT[\d:.]+Z /.exec(rest.toString('latin1', 0, 40));
    if (stamp !== null) rest = rest.subarray(stamp[0].length);
  }
  return Buffer.concat([...pieces, rest]).toString('utf8');
}
