// What may be run in a one-off dyno, and with which variables (pure). Whatever the kernel would refuse is refused here,
// with a reason.

import { PaasError } from '../errors.js';
import { checkConfigVar } from '../platform/config-vars.js';

const MAX_WORDS = 1000;
// The kernel takes 128 KiB in one argument, and the launcher gets all words in one.
const MAX_COMMAND_BYTES = 100 * 1024;

/** Throws `invalid_params` when no process can be started with this command. */
export function checkCommand(command: string | readonly string[]): void {
  const words = typeof command === 'string' ? [command] : command;
  if ((words[0] ?? '').trim() === '') {
    throw new PaasError('invalid_params', 'The command is empty.', {
      hint: 'Say what to run, for example: paas run -- ls -l',
    });
  }
  if (words.length > MAX_WORDS) {
    throw new PaasError(
      'invalid_params',
      `The command has ${words.length} words; at most ${MAX_WORDS} can be run.`,
    );
  }
  if (words.some((word) => word.includes('\0')))
    throw new PaasError('invalid_params', 'The command holds a NUL byte.');
  if (!words.every((word) => word.isWellFormed()))
    throw new PaasError('invalid_params', 'The command is not valid Unicode.');
  const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word), 0);
  if (bytes > MAX_COMMAND_BYTES) {
    throw new PaasError('invalid_params', `The command is larger than ${MAX_COMMAND_BYTES / 1024} KiB.`);
  }
}

/**
 * The variables of a one-off dyno, by the rules of config vars. Clients send the size of their terminal among them, as
 * numbers; a side is 0 when it is not given.
 */
export function readEnv(given: Readonly<Record<string, string | number>>): {
  env: Record<string, string>;
  columns: number;
  rows: number;
} {
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    const text = String(value);
    checkConfigVar(key, text);
    env[key] = text;
  }
  return { env, columns: windowSide(env['COLUMNS']), rows: windowSide(env['LINES']) };
}

function windowSide(text: string | undefined): number {
  return /^[1-9]\d{0,3}$/.test(text ?? '') ? Number(text) : 0;
}
