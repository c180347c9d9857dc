// The answer to a push that git never saw: why none of its refs moved, in the words that git's client knows
// (gitprotocol-pack(5), "Report Status"). Pure.

import type { PushCommands } from './push-head.js';

/** The bands of side-band-64k. */
const REPORT = '\u0001';
const TEXT = '\u0002';

/** Whether the client understands `refusalReport`. */
export function takesReport({ capabilities }: PushCommands): boolean {
  const hasReport = capabilities.includes('report-status') || capabilities.includes('report-status-v2');
  return hasReport && capabilities.includes('side-band-64k');
}

/** `text` is shown behind `remote:`, `reason` (one line) behind each ref. */
export function refusalReport({ updates }: PushCommands, told: { text: string; reason: string }): string {
  const refs = updates.map(({ ref }) => packetLine(`ng ${ref} ${told.reason}\n`));
  const report = [packetLine('unpack ok\n'), ...refs, FLUSH].join('');
  return [packetLine(TEXT + told.text), packetLine(REPORT + report), FLUSH].join('');
}

/** Ends a list of packet lines. */
export const FLUSH = '0000';

/** A line with its length before it (gitprotocol-common(5)); `text` has at most 65,516 bytes. */
export function packetLine(text: string): string {
  return `${(Buffer.byteLength(text) + 4).toString(16).padStart(4, '0')}${text}`;
}
