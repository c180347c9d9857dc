// The Procfile: which processes an app has. Pure.

import { PaasError, quoteValue } from '../errors.js';

const MAX_TYPES = 32;
const MAX_LINE_BYTES = 8 * 1024;
const MAX_FILE_BYTES = 64 * 1024;

/**
 * Process types and their commands, in the order of the file. Lines are `<type>: <command>`; empty lines and lines
 * that start with `#` or `//` are skipped; anything else is refused, which also guards against left-over merge
 * conflict marks. Throws `invalid_procfile`, naming the line.
 */
export function parseProcfile(bytes: Uint8Array | string): Record<string, string> {
  const text = typeof bytes === 'string' ? bytes : decode(bytes);
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) throw invalid(`is larger than ${MAX_FILE_BYTES / 1024} KiB`);
  if (text.includes('\0')) throw invalid('holds a NUL byte; it must be UTF-8 text');
  const types: Record<string, string> = {};
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const entry = parseLine(line, index + 1);
    if (entry === undefined) continue;
    if (Object.hasOwn(types, entry.type)) {
      throw invalid(`line ${index + 1}: process type ${quoteValue(entry.type)} is there twice`);
    }
    types[entry.type] = entry.command;
  }
  const count = Object.keys(types).length;
  if (count === 0) throw invalid('declares no process types', 'Write lines such as: web: npm start');
  if (count > MAX_TYPES) throw invalid(`declares ${count} process types; the limit is ${MAX_TYPES}`);
  return types;
}

/** Whether `type` can be the name of a process type. */
export function isProcessType(type: string): boolean {
  return /^[A-Za-z0-9_-]{1,63}$/.test(type) && type !== '__proto__';
}

function parseLine(line: string, number: number): { type: string; command: string } | undefined {
  if (Buffer.byteLength(line) > MAX_LINE_BYTES) {
    throw invalid(`line ${number} is longer than ${MAX_LINE_BYTES / 1024} KiB`);
  }
  const trimmed = line.trim();
  if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('//')) return undefined;
  const match = /^([A-Za-z0-9_-]+)\s*:\s*(\S.*)$/.exec(trimmed);
  const [, type, command] = match ?? [];
  if (type === undefined || command === undefined || !isProcessType(type)) {
    throw invalid(`line ${number}: expected \`name: command\`, got ${quoteValue(trimmed)}`);
  }
  return { type, command };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new PaasError('invalid_procfile', 'The Procfile is not UTF-8 text.', { cause });
  }
}

function invalid(what: string, hint?: string): PaasError {
  return new PaasError('invalid_procfile', `The Procfile ${what}.`, hint === undefined ? {} : { hint });
}
