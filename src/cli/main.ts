#!/usr/bin/env node

// The `paas` command. In: the command line, the environment, the terminal. Out: results on stdout, progress and
// errors on stderr, an exit code: 0 done, 1 failed, 2 wrong usage, 127 no such command; `paas run` answers the
// exit code of what it ran. Only the command that is used is loaded.

import type { FoundCommand } from './catalog.js';
import { CliError, errorCode, usageError } from './cli-error.js';
import { parseCommandLine } from './command.js';
import { catalog } from './commands.js';
import { openSession } from './session.js';
import { note, openTerminal, paint, print, type Terminal, warn } from './terminal.js';

/** The shell's code for a program that SIGPIPE ended; here: the reader of a running command's output went away. */
const EXIT_BROKEN_PIPE = 141;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const terminal = openTerminal(process, process.env);
  const outputClosed = new AbortController();
  process.stdout.on('error', (error) => outputClosed.abort(error));
  process.stderr.on('error', () => outputClosed.abort());
  try {
    return await dispatch(argv, terminal, outputClosed.signal);
  } catch (error) {
    if (outputClosed.signal.aborted) return argv[0] === 'run' ? EXIT_BROKEN_PIPE : 0;
    return report(terminal, error);
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  const { name, rest } = splitName(argv);
  const found = await catalog.find(name);
  if (found === undefined) throw await unknownCommand(name);
  const { args, flags, wantsHelp } = parseFor(found, rest);
  if (wantsHelp) {
    const { helpFor } = await import('./help.js');
    for (const line of helpFor(catalog, found)) print(terminal, line);
    return 0;
  }
  const session = openSession({ terminal, env: process.env, cwd: process.cwd(), signal });
  return (await found.command.run(session, { args, flags })) ?? 0;
}

function splitName(argv: readonly string[]): { name: string; rest: readonly string[] } {
  const [first, ...rest] = argv;
  if (first === undefined || first === '--help' || first === '-h') return { name: 'help', rest };
  if (first === '--version' || first === '-v') return { name: 'version', rest };
  if (first.startsWith('-')) throw usageError(`"${first}" is not a command.`, 'See: paas help');
  return { name: first, rest };
}

function parseFor(found: FoundCommand, rest: readonly string[]) {
  try {
    return parseCommandLine(found.command, rest);
  } catch (error) {
    if (error instanceof CliError && error.hint === undefined) {
      throw new CliError(error.message, {
        exitCode: error.exitCode,
        hint: `See: paas help ${catalog.shownName(found.name)}`,
        cause: error,
      });
    }
    throw error;
  }
}

async function unknownCommand(name: string): Promise<CliError> {
  const { suggest } = await import('./suggest.js');
  const near = suggest(name, catalog.typable());
  return new CliError(`"${name}" is not a paas command.`, {
    exitCode: 127,
    hint: near === undefined ? 'See: paas help' : `Did you mean: paas ${near}`,
  });
}

function report(terminal: Terminal, error: unknown): number {
  const known = error instanceof CliError ? error : undefined;
  const prefix = paint(terminal.hasErrorColors, 'red', ' ▸    ');
  const text = known?.message ?? (error instanceof Error ? error.message : String(error));
  for (const line of text.split('\n')) note(terminal, `${prefix}${line}`);
  if (known?.hint !== undefined) warn(terminal, known.hint);
  if (known === undefined) {
    const code = errorCode(error);
    if (code === undefined && error instanceof Error)
      warn(terminal, `This is a bug in paas. ${error.stack ?? ''}`);
  }
  return known?.exitCode ?? 1;
}
