// What a command is: its flags and arguments as data (help, completion and parsing read them), and the function that runs it.

import { parseArgs } from 'node:util';
import { CliError, errorCode, usageError } from './cli-error.js';
import type { Session } from './session.js';

/** One flag: as `util.parseArgs` wants it, with its text for the help. `value` names what follows it. */
export interface FlagSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: true;
  readonly value?: string;
  readonly summary: string;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** The parsed values of a set of flags; undefined when not given. */
export type Flags<S extends FlagSpecs> = {
  readonly [K in keyof S]: S[K]['type'] extends 'boolean'
    ? boolean | undefined
    : S[K] extends { readonly multiple: true }
      ? string[] | undefined
      : string | undefined;
};

export interface Command<S extends FlagSpecs> {
  /** Lower-case fragment for the list of commands. */
  readonly summary: string;
  /** The arguments as the usage line shows them: `[TYPE=QTY...]`. */
  readonly args?: string;
  /** Fewest and most arguments; `[0, 0]` when left out. */
  readonly arity?: readonly [number, number];
  readonly flags: S;
  readonly example: string;
  /** Everything from the first argument on is a command line of its own (`paas run`). */
  readonly verbatimArgs?: true;
  /** Does the work; answers the exit code when it is not 0. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most commands end without a value.
  run(session: Session, input: { args: string[]; flags: Flags<S> }): Promise<number | void>;
}

/** A command whose flags are not known at compile time. */
export interface AnyCommand extends Omit<Command<FlagSpecs>, 'run'> {
  // biome-ignore lint/suspicious/noConfusingVoidType: as above.
  run(session: Session, input: { args: string[]; flags: ParsedCommandLine['flags'] }): Promise<number | void>;
}

/** The flags of every command that works on one app. */
export const appFlags = {
  app: { type: 'string', short: 'a', value: 'NAME', summary: 'app to use' },
  remote: { type: 'string', short: 'r', value: 'REMOTE', summary: 'git remote of the app to use' },
} as const satisfies FlagSpecs;

export const jsonFlag = {
  json: { type: 'boolean', short: 'j', summary: 'print JSON' },
} as const satisfies FlagSpecs;

const helpFlag = { help: { type: 'boolean', short: 'h', summary: 'show this help' } } as const;

/** Keeps the types of a command's flags for its `run`. */
export function defineCommand<const S extends FlagSpecs>(command: Command<S>): Command<S> {
  return command;
}

export interface ParsedCommandLine {
  readonly args: string[];
  readonly flags: Readonly<Record<string, string | boolean | string[] | undefined>>;
  readonly wantsHelp: boolean;
}

/** Parses what follows the command's name. Unknown flags and surplus or missing arguments are usage errors. */
export function parseCommandLine(
  command: Pick<AnyCommand, 'flags' | 'arity' | 'args' | 'verbatimArgs'>,
  argv: readonly string[],
): ParsedCommandLine {
  const { own, verbatim } = command.verbatimArgs
    ? splitVerbatim(command.flags, argv)
    : { own: argv, verbatim: [] };
  const { values, positionals } = parse(command.flags, own);
  const args = [...positionals, ...verbatim];
  const wantsHelp = values['help'] === true;
  if (!wantsHelp) checkArity(command, args);
  return { args, flags: values, wantsHelp };
}

/** A whole number given to a flag, at least `min`; undefined when the flag was not given. */
export function parseCount(flag: string, text: string | undefined, min = 1): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= min))
    throw usageError(`--${flag} must be a whole number of at least ${min}, not "${text}".`);
  return count;
}

function parse(flags: FlagSpecs, argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: { ...flags, ...helpFlag }, allowPositionals: true });
  } catch (error) {
    if (!(error instanceof Error) || !errorCode(error)?.startsWith('ERR_PARSE_ARGS_')) throw error;
    const unknown = /^Unknown option '([^']*)'/.exec(error.message)?.[1];
    const message = unknown === undefined ? (error.message.split('\n')[0] ?? '') : `Unknown flag ${unknown}.`;
    throw new CliError(message, { exitCode: 2, cause: error });
  }
}

function checkArity(command: Pick<AnyCommand, 'arity' | 'args'>, args: readonly string[]): void {
  const [min, max] = command.arity ?? [0, 0];
  const surplus = args[max];
  if (surplus !== undefined) throw usageError(`Unexpected argument "${surplus}".`);
  if (args.length < min) throw usageError(`Missing argument: ${command.args ?? ''}`.trim());
}

/** Own flags end at the first argument or at `--`; `-a NAME` at the very end still counts, as with Heroku's CLI. */
function splitVerbatim(flags: FlagSpecs, argv: readonly string[]): { own: string[]; verbatim: string[] } {
  const start = firstArgument(flags, argv);
  const own = argv.slice(0, start);
  if (argv[start] === '--') return { own, verbatim: argv.slice(start + 1) };
  const verbatim = argv.slice(start);
  for (const taken of trailingAppFlag(verbatim, own)) own.push(taken);
  return { own, verbatim };
}

function firstArgument(flags: FlagSpecs, argv: readonly string[]): number {
  const takesValue = (token: string) => {
    const [, long, short] = /^(?:--([\w-]+)|-\w*(\w))$/.exec(token) ?? [];
    const spec = long ? flags[long] : Object.values(flags).find((flag) => flag.short === short);
    return spec?.type === 'string';
  };
  let index = 0;
  while (index < argv.length) {
    const token = argv[index] ?? '';
    if (token === '--' || !token.startsWith('-') || token === '-') return index;
    index += takesValue(token) ? 2 : 1;
  }
  return Math.min(index, argv.length);
}

function trailingAppFlag(verbatim: string[], own: readonly string[]): string[] {
  const isApp = /^(?:-a|--app|-r|--remote)$/;
  if (verbatim.includes('--') || own.some((token) => isApp.test(token) || /^--(?:app|remote)=/.test(token)))
    return [];
  const last = verbatim.at(-1) ?? '';
  if (verbatim.length > 1 && /^--(?:app|remote)=/.test(last)) return verbatim.splice(-1);
  if (verbatim.length > 2 && isApp.test(verbatim.at(-2) ?? '')) return verbatim.splice(-2);
  return [];
}
