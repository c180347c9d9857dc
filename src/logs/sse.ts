// Log lines as server-sent events (WHATWG HTML, "Server-sent events"). Pure.

import { formatLine, formatTimestamp, type LogLine } from './line.js';

/** The event of one line; its id is what `Last-Event-ID` brings back. */
export function sseLine(line: LogLine): string {
  return `id: ${line.seq}\ndata: ${oneLine(formatLine(line))}\n\n`;
}

/**
 * What a client that was too slow is told: a `dropped` event for programs, and a message for people. Neither has an id,
 * so a resume starts after the last line that arrived.
 */
export function sseDropped(dropped: { count: number; sinceUs: number; nowUs: number }): string {
  const notice = tailOverflowText(dropped);
  const text = `${formatTimestamp(dropped.nowUs)} heroku[logplex]: ${notice}`;
  return `event: dropped\ndata: {"count":${dropped.count}}\n\ndata: ${text}\n\n`;
}

/** Heroku's L11 text with the count. */
export function tailOverflowText(dropped: { count: number; sinceUs: number }): string {
  const since = formatTimestamp(dropped.sinceUs);
  return `Error L11 (Tail buffer overflow): ${dropped.count} messages dropped since ${since}.`;
}

/** A comment that keeps idle connections open. */
export function sseHeartbeat(): string {
  return ': heartbeat\n\n';
}

/**
 * Moves a client's `Last-Event-ID` on without showing anything (an event without data), so that one which got no line yet
 * goes on from here, too.
 */
export function ssePosition(seq: number): string {
  return `id: ${seq}\n\n`;
}

/** The sequence number in a `Last-Event-ID` header; undefined (start at now) for anything that is none. */
export function parseLastEventId(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,16}$/.test(value)) return undefined;
  const seq = Number(value);
  return Number.isSafeInteger(seq) ? seq : undefined;
}

// Lines are clean when they are stored; this holds even if one is not.
function oneLine(text: string): string {
  return /[\r\n\0]/.test(text) ? text.replace(/[\r\n\0]/g, '\ufffd') : text;
}
