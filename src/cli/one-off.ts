// What `run` and `run:detached` ask the API for. Pure.

import { usageError } from './cli-error.js';

/** The flags that both have. */
export const oneOffFlags = {
  env: {
    type: 'string',
    short: 'e',
    multiple: true,
    value: 'KEY=VALUE',
    summary: 'environment variables; A=1;B=2 for several',
  },
  size: { type: 'string', short: 's', value: 'SIZE', summary: 'size of the dyno' },
} as const;

/** One argument is a shell command line, as with Heroku; several are the program and its arguments, exactly. */
export function commandOf(args: readonly string[]): string | string[] {
  const [only = ''] = args;
  return args.length === 1 ? only : [...args];
}

/** The command as it is shown. */
export function describeCommand(args: readonly string[]): string {
  return args.join(' ');
}

/** `A=1;B=2` and repeated flags as one record; a `;` splits only before another KEY=. */
export function parseEnv(values: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const value of values) {
    for (const pair of value.split(/;(?=[A-Za-z_]\w*=)/)) {
      const [, key, text] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(pair) ?? [];
      if (key === undefined || text === undefined)
        throw usageError(`"${pair}" is not of the form KEY=VALUE.`);
      env[key] = text;
    }
  }
  return env;
}
