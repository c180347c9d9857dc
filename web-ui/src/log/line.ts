import { plainText } from '../format/plain-text.js';

/** One line of a tail as it is shown. `id` is the server's sequence number; negative ids are our own notices. */
export interface LogEntry {
  readonly id: number;
  /** ISO time as the server wrote it; empty when the line has no prefix. */
  readonly time: string;
  /** `app`, `heroku`, or `notice` for a line of the dashboard itself. */
  readonly source: string;
  /** `web.1`, `router`, `api`, `run.1234` … */
  readonly process: string;
  readonly text: string;
}

const shape = /^(\S+) ([\w-]+)\[([^\]\s]+)\]: ?([\s\S]*)$/;

/** Reads a line `2010-09-16T15:13:46.677020+00:00 app[web.1]: text`; anything else is kept whole as text. */
export function parseLogLine(id: number, raw: string): LogEntry {
  const match = shape.exec(raw);
  if (!match) return { id, time: '', source: 'app', process: '', text: plainText(raw) };
  const [, time = '', source = '', process = '', text = ''] = match;
  return { id, time, source, process, text: plainText(text) };
}

/** The line as `paas logs` prints it. */
export function printLogLine(entry: LogEntry): string {
  if (entry.process === '') return entry.text;
  return `${entry.time} ${entry.source}[${entry.process}]: ${entry.text}`;
}

/** The type of a process: `web` of `web.1`, `router` of `router`. */
export function processType(process: string): string {
  const dot = process.indexOf('.');
  return dot === -1 ? process : process.slice(0, dot);
}

/** How loud a line is: platform errors (H…, R…, L… codes, crashes) stand out, router lines step back. */
export function lineTone(entry: LogEntry): 'error' | 'state' | 'quiet' | 'plain' {
  if (entry.source === 'notice') return 'state';
  if (entry.source !== 'heroku') return 'plain';
  if (/^at=error |^Error [HRL]\d\d|to crashed$/.test(entry.text)) return 'error';
  if (entry.process === 'router') return 'quiet';
  return 'state';
}

const fixedHues: Readonly<Record<string, number>> = {
  web: 0,
  worker: 1,
  router: 6,
  api: 7,
  release: 4,
  build: 4,
  run: 5,
};

/** The colour slot (0-7) of a process; dynos of one type get neighbouring slots so that they can be told apart. */
export function processHue(process: string): number {
  const type = processType(process);
  const number = Number(process.slice(type.length + 1)) || 0;
  const fixed = fixedHues[type];
  if (type === 'web' || type === 'worker') return ((fixed ?? 0) + Math.max(0, number - 1) * 2) % 6;
  if (fixed !== undefined) return fixed;
  let hash = number;
  for (const char of type) hash = (hash * 31 + char.charCodeAt(0)) % 9973;
  return hash % 6;
}
