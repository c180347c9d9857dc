// Runs the compiled command as a child process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
}

export interface CliRun {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: Buffer | string;
  /** Gets the child once it runs, to send it signals or to end its stdout early. */
  readonly during?: (child: ReturnType<typeof spawn>) => void;
}

export interface CompiledCli extends AsyncDisposable {
  readonly main: string;
  readonly home: string;
  run(args: readonly string[], options?: CliRun): Promise<CliResult>;
}

/** The command as the global set-up has compiled it, with a home directory of its own. */
export async function openCli(): Promise<CompiledCli> {
  const home = await mkdtemp(join(tmpdir(), 'paas-cli-home-'));
  const main = join(PROJECT, 'dist/cli/main.js');
  return {
    main,
    home,
    run: (args, options = {}) => runCli({ main, home, args, options }),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

async function runCli(run: {
  main: string;
  home: string;
  args: readonly string[];
  options: CliRun;
}): Promise<CliResult> {
  const { main, home, args, options } = run;
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd ?? home,
    env: { PATH: process.env['PATH'], HOME: home, TZ: 'UTC', GIT_CONFIG_NOSYSTEM: '1', ...options.env },
    stdio: 'pipe',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk) => stdout.push(chunk));
  child.stderr.on('data', (chunk) => stderr.push(chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  options.during?.(child);
  const [code] = await once(child, 'close');
  const stdoutBytes = Buffer.concat(stdout);
  return { code, stdout: stdoutBytes.toString(), stderr: Buffer.concat(stderr).toString(), stdoutBytes };
}
