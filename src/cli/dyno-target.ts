// Which dynos a command means: one (`web.1`), a process type (`web`), or all. Pure.

import { usageError } from './cli-error.js';

export type DynoTarget = { kind: 'all' } | { kind: 'type'; type: string } | { kind: 'dyno'; name: string };

/** Reads an argument or one of the flags `-d web.1` and `-p web`; more than one is a usage error. */
export function parseDynoTarget(given: {
  argument: string | undefined;
  dyno: string | undefined;
  type: string | undefined;
}): DynoTarget {
  const values = [given.argument, given.dyno, given.type].filter((value) => value !== undefined);
  if (values.length > 1) throw usageError('Name the dynos once: as an argument, with -d, or with -p.');
  const [text] = values;
  if (text === undefined) return { kind: 'all' };
  if (/^[\w-]+\.\d+$/.test(text)) return { kind: 'dyno', name: text };
  if (/^[\w-]+$/.test(text) && given.dyno === undefined) return { kind: 'type', type: text };
  throw usageError(
    `"${text}" is not a dyno or process type.`,
    'A dyno looks like web.1, a process type like web',
  );
}

/** The process type in the name of a dyno. */
export function dynoType(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

/** `web.1 dyno`, `web dynos`, `all dynos`. */
export function describeTarget(target: DynoTarget): string {
  switch (target.kind) {
    case 'all':
      return 'all dynos';
    case 'type':
      return `${target.type} dynos`;
    case 'dyno':
      return `dyno ${target.name}`;
  }
}

/** The flags that name dynos. */
export const dynoFlags = {
  'dyno-name': { type: 'string', short: 'd', value: 'DYNO', summary: 'one dyno, such as web.1' },
  'process-type': {
    type: 'string',
    short: 'p',
    value: 'TYPE',
    summary: 'all dynos of a process type, such as web',
  },
} as const;
