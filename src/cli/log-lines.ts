// A log line as it is shown: Heroku's colours for each process, or its parts as JSON. Pure.

import { hasColorSequence, printable } from './printable.js';
import { paint, type Style } from './terminal.js';

const COLORS: readonly Style[] = ['yellow', 'green', 'cyan', 'magenta', 'blue'];
/** Named first, so that they look the same every time. */
const FIRST_PROCESSES = ['run', 'router', 'web', 'postgres', 'heroku-postgres'];
const LINE = /^(\S+) ([\w-]+)\[([^\]]+)\]:(?: ([\s\S]*))?$/;

export interface LogParts {
  readonly timestamp: string;
  readonly source: string;
  readonly process: string;
  readonly message: string;
}

/** The parts of `2010-09-16T15:13:46.677020+00:00 app[web.1]: text`, or undefined for another form. */
export function parseLogLine(line: string): LogParts | undefined {
  const [, timestamp, source, process, message = ''] = LINE.exec(line) ?? [];
  if (timestamp === undefined || source === undefined || process === undefined) return undefined;
  return { timestamp, source, process, message };
}

/** A function that colours lines; a process keeps its colour for the life of the function. */
export function createLogPainter(): (line: string) => string {
  const assigned = new Map<string, Style>();
  const colorOf = (process: string): Style => {
    const type = process.split('.')[0] ?? process;
    const color = assigned.get(type) ?? COLORS[assigned.size % COLORS.length] ?? 'green';
    assigned.set(type, color);
    return color;
  };
  for (const process of FIRST_PROCESSES) colorOf(process);
  return (line) => {
    const parts = parseLogLine(line);
    if (parts === undefined) return line;
    const head = paint(true, colorOf(parts.process), `${parts.timestamp} ${parts.source}[${parts.process}]:`);
    return `${head} ${paintMessage(parts)}`;
  };
}

/** The line for a terminal: control bytes visible, and no colour running on into the next line. */
export function forTerminal(line: string): string {
  const safe = printable(line);
  return hasColorSequence(safe) ? `${safe}\u001b[0m` : safe;
}

function paintMessage({ source, process, message }: LogParts): string {
  if (source === 'heroku' && process === 'router') return paintRouterLine(message);
  if (source === 'heroku') {
    return message
      .replace(/\bError [RHL]\d\d\b.*/, (found) => paint(true, 'red', found))
      .replace(/\b(?:starting|up|complete|crashed|down)\b(?= to |$)/g, (state) =>
        paint(true, stateColor(state), state),
      );
  }
  return message;
}

function paintRouterLine(message: string): string {
  return message
    .replace(/\b(at=error|code=H\d\d|desc="[^"]*")/g, (found) => paint(true, 'red', found))
    .replace(/\bmethod=\w+/g, (found) => paint(true, 'bold', found))
    .replace(/\bstatus=(\d)\d\d\b/g, (found, kind: string) => paint(true, statusColor(kind), found))
    .replace(/\b(?:connect|service)=(\d+)ms\b/g, (found, ms: string) => {
      const time = Number(ms);
      return time < 500 ? found : paint(true, time < 5000 ? 'yellow' : 'red', found);
    });
}

function stateColor(state: string): Style {
  if (state === 'up' || state === 'complete') return 'green';
  return state === 'starting' ? 'yellow' : 'red';
}

function statusColor(kind: string): Style {
  if (kind === '5') return 'red';
  return kind === '4' ? 'yellow' : 'green';
}
