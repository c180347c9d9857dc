// Compiles src/cli once for a test file and runs it as a child process.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

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

/** Compiles just src/cli into a directory of its own; the home directory is a fresh one too. */
export async function compileCli(): Promise<CompiledCli> {
  const directory = await mkdtemp(join(tmpdir(), 'paas-cli-test-'));
  const home = await mkdtemp(join(tmpdir(), 'paas-cli-home-'));
  await symlink(join(PROJECT, 'node_modules'), join(directory, 'node_modules'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  const config = {
    extends: join(PROJECT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      rootDir: join(PROJECT, 'src'),
      outDir: directory,
      typeRoots: [join(PROJECT, 'node_modules/@types')],
    },
    include: [join(PROJECT, 'src/cli')],
    exclude: [],
  };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(PROJECT, 'node_modules/.bin/tsc');
  await promisify(execFile)(tsc, ['-p', join(directory, 'tsconfig.json')]);
  const main = join(directory, 'cli/main.js');
  return {
    main,
    home,
    run: (args, options = {}) => runCli({ main, home, args, options }),
    [Symbol.asyncDispose]: async () => {
      await rm(directory, { recursive: true, force: true });
      await rm(home, { recursive: true, force: true });
    },
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
