// The one place that writes to the user: results on stdout, progress and errors on stderr, colours only on a terminal.

import { printable, printableJson } from './printable.js';

export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** True when stdout may get colours. */
  readonly hasColors: boolean;
  /** True when stderr may get colours. */
  readonly hasErrorColors: boolean;
}

const STYLES = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
} as const;

export type Style = keyof typeof STYLES;

/** The terminal of this process; NO_COLOR and TERM=dumb switch colours off, FORCE_COLOR switches them on. */
export function openTerminal(
  streams: Pick<Terminal, 'stdin' | 'stdout' | 'stderr'>,
  env: NodeJS.ProcessEnv,
): Terminal {
  const off = Boolean(env['NO_COLOR']) || env['TERM'] === 'dumb' || env['FORCE_COLOR'] === '0';
  const forced = !off && Boolean(env['FORCE_COLOR']);
  return {
    ...streams,
    hasColors: forced || (!off && streams.stdout.isTTY === true),
    hasErrorColors: forced || (!off && streams.stderr.isTTY === true),
  };
}

/** `text` in a style, or as it is when colours are off. */
export function paint(enabled: boolean, style: Style, text: string): string {
  return enabled ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
}

/** One line of result on stdout; control bytes are made visible on a terminal. */
export function print(terminal: Terminal, line = ''): void {
  terminal.stdout.write(`${terminal.stdout.isTTY ? printable(line) : line}\n`);
}

/** One line of progress or advice on stderr. */
export function note(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${terminal.stderr.isTTY ? printable(line) : line}\n`);
}

/** A warning on stderr, each line marked as Heroku's CLI does. */
export function warn(terminal: Terminal, text: string): void {
  for (const line of text.split('\n'))
    note(terminal, `${paint(terminal.hasErrorColors, 'yellow', ' ▸    ')}${line}`);
}

/** A value as JSON on stdout. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.stdout.write(`${printableJson(value, 2)}\n`);
}

/** Heroku's heading: `=== text` and an empty line. */
export function printHeader(terminal: Terminal, text: string): void {
  print(terminal, `${paint(terminal.hasColors, 'dim', '=== ')}${paint(terminal.hasColors, 'bold', text)}`);
  print(terminal);
}

/** Says what is being done on stderr (`text... `), then how it ended (`done`, what `done` answers, or `!`). */
export async function action<T>(
  terminal: Terminal,
  text: string,
  work: () => Promise<T>,
  done: (result: T) => string = () => 'done',
): Promise<T> {
  const shown = terminal.stderr.isTTY ? printable(text) : text;
  terminal.stderr.write(`${shown}... `);
  try {
    const result = await work();
    note(terminal, done(result));
    return result;
  } catch (error) {
    note(terminal, paint(terminal.hasErrorColors, 'red', '!'));
    throw error;
  }
}
