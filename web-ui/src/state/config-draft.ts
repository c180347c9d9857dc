import type { ConfigUpdates, ConfigVars } from '../api/types.js';

/** Config vars as they are being edited: rows added, changed and marked for removal, until they are saved together. */
export interface DraftRow {
  readonly key: string;
  readonly value: string;
  readonly change: 'none' | 'added' | 'changed' | 'removed';
}

/** Values typed so far, by key; null marks a removal. */
export type Edits = ConfigUpdates;

/** The rows to show, sorted by key. */
export function draftRows(saved: ConfigVars, edits: Edits): DraftRow[] {
  const keys = [...new Set([...Object.keys(saved), ...Object.keys(edits)])].sort();
  return keys.map((key) => {
    const edit = edits[key];
    const before = saved[key];
    if (edit === undefined) return { key, value: before ?? '', change: 'none' };
    if (edit === null) return { key, value: before ?? '', change: 'removed' };
    return { key, value: edit, change: before === undefined ? 'added' : 'changed' };
  });
}

/** Adds an edit; one that brings back the saved value is no edit. */
export function withEdit(saved: ConfigVars, edits: Edits, key: string, value: string | null): Edits {
  const rest = Object.fromEntries(Object.entries(edits).filter(([other]) => other !== key));
  const isUnchanged = value === null ? saved[key] === undefined : saved[key] === value;
  return isUnchanged ? rest : { ...rest, [key]: value };
}

/** Reads `KEY=value` lines as .env files have them: `export`, quotes, blank lines and # comments are understood. */
export function parseEnvLines(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (!match) continue;
    const [, key = '', value = ''] = match;
    found[key] = unquote(value);
  }
  return found;
}

/** Why a key cannot be used, or undefined. */
export function keyProblem(key: string): string | undefined {
  if (key === '') return 'Give the config var a name.';
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key))
    return 'Names are letters, digits and _, and do not begin with a digit.';
  return undefined;
}

function unquote(value: string): string {
  const quoted = /^"([\s\S]*)"$/.exec(value);
  if (quoted) return (quoted[1] ?? '').replaceAll('\\n', '\n').replaceAll('\\"', '"');
  return /^'([\s\S]*)'$/.exec(value)?.[1] ?? value;
}
