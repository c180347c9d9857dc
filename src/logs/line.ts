// Log lines: from what a process printed to what a developer reads. Pure.
// This folder: container output and platform messages come in, get a time stamp and a sequence number in the log
// collector (a process of its own), and go out to the store, to live tails and (as text) to the API.
// The daemon talks to the collector through client.ts; collector-server.ts is the other end of that socket.

/** Who speaks: the app's own code, or the platform. */
export type LogSource = 'app' | 'heroku';

/** One line as it is kept and shown. */
export interface LogLine {
  /** Grows over the whole install; the SSE event id. Gaps are normal. */
  readonly seq: number;
  /** Epoch microseconds at which the line was read. */
  readonly timestampUs: number;
  readonly source: LogSource;
  /** `web.1`, `router`, `api`, `run.1234`, `release.1234`, `build`, `logplex`. */
  readonly process: string;
  /** Holds no LF, CR or NUL; at most 10,000 bytes. */
  readonly text: string;
  /** The printed line was longer than a log line may be and goes on in the next one of this process. */
  readonly isSplit?: true;
}

/** A line on its way in. Text with line breaks becomes several lines. */
export interface NewLogLine {
  readonly appId: string;
  readonly source: LogSource;
  readonly process: string;
  readonly text: string;
  /** Epoch microseconds; the time of arrival when absent. */
  readonly timestampUs?: number;
}

/** Which lines a reader wants; absent fields match all. */
export interface LogFilter {
  readonly source?: string | undefined;
  /** A process type (`web` means every `web.N`) or one process (`web.1`). */
  readonly process?: string | undefined;
  /** As `process`; both must match when both are given. */
  readonly dyno?: string | undefined;
}

/** Heroku's limit (devcenter "logging"): longer lines are split. */
export const MAX_LINE_BYTES = 10_000;

/** The line as `heroku logs` shows it: `2010-09-16T15:13:46.677020+00:00 app[web.1]: text`. */
export function formatLine(line: LogLine): string {
  return `${formatTimestamp(line.timestampUs)} ${line.source}[${line.process}]: ${line.text}`;
}

/** Epoch microseconds as RFC 3339 with six digits and a zero offset. */
export function formatTimestamp(timestampUs: number): string {
  const seconds = Math.floor(timestampUs / 1_000_000);
  const micros = String(Math.floor(timestampUs - seconds * 1_000_000)).padStart(6, '0');
  if (seconds !== newestSecond.seconds) {
    newestSecond = { seconds, text: new Date(seconds * 1000).toISOString().slice(0, 19) };
  }
  return `${newestSecond.text}.${micros}+00:00`;
}

// Most lines of many tails are of the same second, whose text is three quarters of the work.
let newestSecond = { seconds: 0, text: '1970-01-01T00:00:00' };

/** Whether a line of this source and process is wanted. */
export function matchesFilter(
  line: { readonly source: string; readonly process: string },
  filter: LogFilter,
): boolean {
  return (
    (filter.source === undefined || filter.source === line.source) &&
    matchesProcess(line.process, filter.process) &&
    matchesProcess(line.process, filter.dyno)
  );
}

/** Whether the filter lets everything through. */
export function isOpenFilter(filter: LogFilter): boolean {
  return filter.source === undefined && filter.process === undefined && filter.dyno === undefined;
}

/** A process name fit for a log line: anything outside letters, digits, `.`, `_`, `-` becomes `_`. */
export function cleanProcessName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 64) || '_';
}

/**
 * Makes printed text safe to keep on one line: CRs before a line end vanish, other CRs and NULs are shown as the
 * control pictures U+240D and U+2400. Escape sequences stay: colours are wanted, and a terminal client guards itself.
 */
export function cleanText(text: string): string {
  if (!/[\0\r]/.test(text)) return text;
  return text
    .replace(/\r+(?=\n|$)/g, '')
    .replaceAll('\r', '\u240d')
    .replaceAll('\0', '\u2400');
}

/** The lines of a platform message: split at line breaks and at the size limit, cleaned. */
export function splitMessage(text: string): string[] {
  const lines: string[] = [];
  for (const line of cleanText(text).split('\n')) lines.push(...splitLongLine(line));
  if (lines.length > 1 && lines.at(-1) === '') lines.pop();
  return lines;
}

/** Cuts one line into pieces of at most `MAX_LINE_BYTES`, never inside a character. */
export function splitLongLine(line: string): string[] {
  // A UTF-16 unit takes at most three bytes.
  if (line.length * 3 <= MAX_LINE_BYTES) return [line];
  const bytes = Buffer.from(line);
  const pieces: string[] = [];
  let start = 0;
  while (bytes.length - start > MAX_LINE_BYTES) {
    const end = characterStart(bytes, start + MAX_LINE_BYTES);
    pieces.push(bytes.toString('utf8', start, end));
    start = end;
  }
  pieces.push(bytes.toString('utf8', start));
  return pieces;
}

/** The last position at or before `index` at which a UTF-8 character begins. */
export function characterStart(bytes: Buffer, index: number): number {
  for (let back = 0; back < 4; back += 1) {
    if (((bytes[index - back] ?? 0) & 0xc0) !== 0x80) return index - back;
  }
  return index;
}

function matchesProcess(process: string, wanted: string | undefined): boolean {
  return wanted === undefined || process === wanted || process.startsWith(`${wanted}.`);
}
