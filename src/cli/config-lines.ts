// Config vars as text: `KEY='value'` lines that a shell and `paas config:edit` read back. Pure.

import { usageError } from './cli-error.js';
import { shellQuote } from './format.js';

/** `KEY='value'` lines, sorted by key; a value may span lines. */
export function formatConfigLines(config: Readonly<Record<string, string>>): string {
  return sortedEntries(config)
    .map(([key, value]) => `${key}=${shellQuote(value)}\n`)
    .join('');
}

/** The entries sorted by key. */
export function sortedEntries(config: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Reads `KEY=value` lines; quotes as in a shell, `#` lines are comments. Throws a usage error with the line's number. */
export function parseConfigLines(text: string): Record<string, string> {
  const config: Record<string, string> = Object.create(null);
  let rest = text;
  while (rest !== '') {
    const blank = /^(?:[ \t]*(?:#[^\n]*)?\n|[ \t]+$|[ \t]*#[^\n]*$)/.exec(rest);
    if (blank !== null) {
      rest = rest.slice(blank[0].length);
      continue;
    }
    const line = text.slice(0, text.length - rest.length).split('\n').length;
    const key = /^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=/.exec(rest);
    if (key === null) throw usageError(`Line ${line} is not of the form KEY='value'.`);
    const { value, length } = parseValue(rest.slice(key[0].length), line);
    config[key[1] ?? ''] = value;
    rest = rest.slice(key[0].length + length);
  }
  return { ...config };
}

/** `FOO=bar` arguments; only the first `=` splits. Heroku's words for one without. */
export function parseAssignments(args: readonly string[]): Record<string, string> {
  const updates: Record<string, string> = Object.create(null);
  for (const arg of args) {
    const split = arg.indexOf('=');
    if (split < 1) throw configFormatError(arg);
    updates[arg.slice(0, split)] = arg.slice(split + 1);
  }
  return { ...updates };
}

function configFormatError(arg: string): Error {
  const error = usageError(`${arg} is invalid. Must be in the format FOO=bar.`);
  // Heroku's exit code for this one.
  return Object.assign(error, { exitCode: 1 });
}

function parseValue(text: string, line: number): { value: string; length: number } {
  const piece = /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+)/y;
  let value = '';
  let end = 0;
  for (;;) {
    piece.lastIndex = end;
    const found = piece.exec(text);
    if (found === null) break;
    const [, single, double, escaped, bare] = found;
    value += single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? bare ?? '';
    end = piece.lastIndex;
  }
  const after = /^[ \t]*(?:\n|$)/.exec(text.slice(end));
  if (after === null) throw usageError(`Line ${line}: the value is not quoted as a shell wants it.`);
  return { value, length: end + after[0].length };
}
