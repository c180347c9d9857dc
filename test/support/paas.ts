// The whole product as its processes: paasd, which starts the log collector and HAProxy, driven by the `paas` command,
// git and HTTP. Data directory, ports, subnet and Docker labels are its own; disposing it leaves nothing behind.
// The programs are compiled by the global set-up of the e2e tests.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findHaproxy } from '../../src/router/haproxy-process.js';
import { eventually, requestAs } from './house.js';
import { freePort, ownSubnet } from './own-places.js';
import { makeOwnedDirectory } from './owned-directory.js';
import type { PrivateEngine } from './private-engine.js';
import { newInstance } from './test-instance.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const DIST = join(PROJECT, 'dist');

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as they came. */
  readonly all: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string | Buffer;
  /** Leaves stdin open, for who answers questions. */
  readonly keepsInput?: boolean;
  /** Makes it and its children a process group, which `kill` ends as a whole. */
  readonly ownGroup?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Somebody with an account, a home directory and a token, logged in with the CLI. */
export interface User {
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly home: string;
  cli(args: readonly string[], options?: RunOptions): Promise<Output>;
  /** The CLI as a running process, for tails and signals. */
  startCli(args: readonly string[], options?: RunOptions): Running;
  git(args: readonly string[], options?: RunOptions): Promise<Output>;
  /** A request to the platform's API with this user's token. */
  api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  /** A git repository with a fixture's files (or these), one commit, and the remote `paas` of the app. */
  repository(app: string, source: Source): Promise<Repository>;
}

export type Source = { readonly fixture: string } | { readonly files: Readonly<Record<string, string>> };

export interface Repository {
  readonly dir: string;
  push(refspec?: string): Promise<Output>;
  startPush(refspec?: string): Running;
  /** Writes these files and commits them. */
  commit(files: Readonly<Record<string, string>>, message?: string): Promise<void>;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it has printed so far, both streams. */
  text(): string;
  readonly ended: Promise<Output>;
  /** Ends it, and with `ownGroup` its children too (git pushes through one). */
  kill(signal: NodeJS.Signals): void;
}

export interface Paas extends AsyncDisposable {
  readonly dataDir: string;
  readonly instance: string;
  readonly network: string;
  readonly httpPort: number;
  /** Where the router listens: 127.0.0.1, or the address of the private engine's network. */
  readonly address: string;
  readonly url: string;
  /** `paasd`, `paasd-admin` and the log collector by file name of dist/daemon, with this install's settings. */
  program(
    file: string,
    args?: readonly string[],
    input?: string,
    /** Put before its command line. */
    wrapper?: readonly string[],
  ): Running;
  /** The first account, an administrator. */
  readonly owner: User;
  createUser(email: string, options?: { isAdmin?: boolean }): Promise<User>;
  http(app: string, path?: string): Promise<{ status: number; body: string }>;
  /** Waits until the app answers with a text that contains this. */
  answers(app: string, text: string, path?: string): Promise<string>;
  start(): Promise<void>;
  /** Ends paasd, and only it. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
  /** Resolves when paasd has ended. */
  whenEnded(): Promise<void>;
  /** Ends all its processes as a loss of power does; what only memory held is gone. */
  cutPower(): Promise<void>;
  /** All that paasd has printed. */
  daemonLog(): string;
  /** Process id of paasd; undefined while it does not run. */
  readonly pid: number | undefined;
  docker(args: readonly string[]): Promise<string>;
  /** Socket of the engine itself, whatever paasd was given. */
  readonly engineSocket: string;
}

/** Runs a program and collects what it prints. */
export function startProgram(program: string, args: readonly string[], options: RunOptions): Running {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: 'pipe',
    detached: options.ownGroup === true,
  });
  let stdout = '';
  let stderr = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    all += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    all += chunk;
  });
  child.stdin.on('error', () => undefined);
  if (!options.keepsInput) child.stdin.end(options.input ?? '');
  const ended = once(child, 'close').then(([code]): Output => ({ code, stdout, stderr, all }));
  const kill = (signal: NodeJS.Signals) => {
    if (options.ownGroup && child.pid !== undefined) process.kill(-child.pid, signal);
    else child.kill(signal);
  };
  return { child, text: () => all, ended, kill };
}

export interface PaasOptions {
  /** Runs paasd and what it starts in the network of this engine, on its containers. */
  readonly engine?: PrivateEngine;
  /** Another socket of the engine, such as that of a proxy. */
  readonly dockerSocket?: string;
  /** Folder that gets the data directory, such as the engine's disk. */
  readonly parentDir?: string;
  /** Put before the command line of paasd, such as `faketime +1h`. */
  readonly wrapper?: readonly string[];
  /** Arguments of node instead of the main of paasd, made from the data directory. */
  readonly program?: (dataDir: string) => readonly string[];
}

/** Starts the product and creates its first account. */
export async function startPaas(
  settings: Readonly<Record<string, string>> = {},
  options: PaasOptions = {},
): Promise<Paas> {
  const { engine } = options;
  const dataDir = makeOwnedDirectory('paas-e2e-', options.parentDir);
  const instance = newInstance();
  writeFileSync(join(dataDir, 'instance-id'), instance, { mode: 0o600 });
  const httpPort = await freePort();
  const address = engine?.network.address ?? '127.0.0.1';
  const env = {
    ...daemonEnvironment({ dataDir, httpPort, apiPort: await freePort() }),
    ...(engine && {
      PAAS_BIND_ADDRESS: '0.0.0.0',
      PAAS_PLATFORM_HOST: address,
      PAAS_DOCKER_SOCKET: options.dockerSocket ?? engine.socketPath,
    }),
    ...settings,
  };
  const url = `http://${engine === undefined ? 'localhost' : address}:${httpPort}`;
  const logPath = join(dataDir, 'paasd-output.log');
  const docker = engine?.docker ?? dockerCommand;
  let daemon: ChildProcess | undefined;

  const paas: Omit<Paas, 'owner'> = {
    dataDir,
    instance,
    network: `paas-${instance}`,
    httpPort,
    address,
    url,
    docker,
    engineSocket: engine?.socketPath ?? '/var/run/docker.sock',
    get pid() {
      return daemon?.exitCode === null && daemon.signalCode === null ? daemon.pid : undefined;
    },
    program(file, args = [], input = '', wrapper = []) {
      const [program = '', ...rest] = [...wrapper, process.execPath, join(DIST, 'daemon', file), ...args];
      return startProgram(program, rest, { env, input });
    },
    daemonLog: () => readFileSync(logPath, 'utf8'),
    http: (app, path = '/') => requestAs(`${app}.localhost`, httpPort, path, address),
    answers: (app, text, path = '/') =>
      eventually(
        `${app} answers with ${text}`,
        async () => {
          const { body } = await requestAs(`${app}.localhost`, httpPort, path, address).catch(() => ({
            body: '',
          }));
          return body.includes(text) ? body : undefined;
        },
        90_000,
      ),
    async start() {
      const output = openSync(logPath, 'a');
      const main = options.program?.(dataDir) ?? [join(DIST, 'daemon/main.js')];
      const command = [...(options.wrapper ?? []), process.execPath, ...main];
      const [program = '', ...args] = engine?.network.inside(command) ?? command;
      daemon = spawn(program, args, {
        env,
        stdio: ['ignore', output, output],
      });
      await eventually(
        `paasd is ready; its output is:\n${paas.daemonLog()}`,
        async () => {
          if (daemon?.exitCode != null || daemon?.signalCode != null)
            throw new Error(`paasd has ended:\n${paas.daemonLog()}`);
          const response = await fetch(`${url}/healthz`).catch(() => undefined);
          await response?.body?.cancel();
          return response?.ok;
        },
        60_000,
      );
    },
    async stop(signal = 'SIGTERM') {
      if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return null;
      daemon.kill(signal);
      const [code] = await once(daemon, 'exit');
      return code;
    },
    async whenEnded() {
      if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
      await once(daemon, 'exit');
    },
    async cutPower() {
      await paas.stop('SIGKILL');
      sendSignal(Number.parseInt(readIfThere(join(dataDir, 'run/collector.pid')), 10), 'SIGKILL');
      for (const pid of await findHaproxy(join(dataDir, 'haproxy/haproxy.cfg'))) sendSignal(pid, 'SIGKILL');
    },
    createUser: (email, { isAdmin = false } = {}) => createUser({ dataDir, env, url }, email, isAdmin),
    async [Symbol.asyncDispose]() {
      await paas.stop('SIGTERM');
      await endBeside(dataDir);
      // Of a leak, or of something that is going away: Node says it once, and nobody looks.
      const warning = /^\(node:.*Warning:.*$/m.exec(readIfThere(logPath))?.[0];
      if (engine === undefined) await removeObjects(instance);
      // A process that is ending may still write.
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
      if (warning !== undefined) throw new Error(`paasd's output has a warning: ${warning}`);
    },
  };
  try {
    const owner = await paas.createUser('owner@example.com', { isAdmin: true });
    await paas.start();
    await owner.cli(['login'], { input: owner.token });
    return Object.assign(paas, { owner });
  } catch (error) {
    await paas[Symbol.asyncDispose]();
    throw error;
  }
}

function daemonEnvironment(parts: {
  dataDir: string;
  httpPort: number;
  apiPort: number;
}): Record<string, string | undefined> {
  const caBundle = process.env['NODE_EXTRA_CA_CERTS'] ?? process.env['SSL_CERT_FILE'];
  return {
    PATH: process.env['PATH'],
    PAAS_DATA_DIR: parts.dataDir,
    PAAS_BIND_ADDRESS: '127.0.0.1',
    // The rules of the machine that runs the tests are its owner's.
    PAAS_FIREWALL: 'off',
    PAAS_HTTP_PORT: String(parts.httpPort),
    PAAS_API_PORT: String(parts.apiPort),
    PAAS_SUBNET: ownSubnet(20, 100),
    ...(caBundle === undefined ? {} : { PAAS_BUILD_CA_BUNDLE: caBundle }),
  };
}

async function createUser(
  paas: { dataDir: string; env: Record<string, string | undefined>; url: string },
  email: string,
  isAdmin: boolean,
): Promise<User> {
  const { url } = paas;
  const password = `password of ${email}`;
  const admin = [join(DIST, 'daemon/admin.js')];
  const made = await startProgram(
    process.execPath,
    [...admin, 'account:create', '--email', email, '--password-stdin', ...(isAdmin ? ['--admin'] : [])],
    { env: paas.env, input: password },
  ).ended;
  if (made.code !== 0) throw new Error(`no account: ${made.all}`);
  const token = (
    await startProgram(process.execPath, [...admin, 'token:create', '--email', email], { env: paas.env })
      .ended
  ).stdout.trim();
  const home = join(paas.dataDir, 'homes', email);
  mkdirSync(home, { recursive: true });
  const { hostname, port } = new URL(url);
  writeFileSync(join(home, '.netrc'), `machine ${hostname}\n  login ${email}\n  password ${token}\n`, {
    mode: 0o600,
  });
  writeFileSync(
    join(home, '.gitconfig'),
    `[user]\n  name = Dev\n  email = ${email}\n[init]\n  defaultBranch = main\n`,
  );
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    PAAS_HOST: url,
    TZ: 'UTC',
    LC_ALL: 'C.UTF-8',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
  };
  const startCli = (args: readonly string[], options: RunOptions = {}) =>
    startProgram(process.execPath, [join(DIST, 'cli/main.js'), ...args], {
      cwd: home,
      ...options,
      env: { ...env, ...options.env },
    });
  const startGit = (args: readonly string[], options: RunOptions = {}) =>
    startProgram('git', args, { cwd: home, ...options, env: { ...env, ...options.env } });
  const git = (args: readonly string[], options: RunOptions = {}) => startGit(args, options).ended;
  const user: User = {
    email,
    password,
    token,
    home,
    startCli,
    cli: (args, options) => startCli(args, options).ended,
    git,
    async api(method, path, body) {
      const response = await fetch(`http://${hostname}:${port}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: parseOrText(text) };
    },
    async repository(app, source) {
      const dir = mkdtempSync(join(home, 'repository-'));
      if ('fixture' in source) {
        cpSync(join(PROJECT, 'test/fixtures/apps', source.fixture), dir, { recursive: true });
      }
      await git(['init', '-q'], { cwd: dir });
      await git(['remote', 'add', 'paas', `${url}/${app}.git`], { cwd: dir });
      const repository: Repository = {
        dir,
        push: (refspec = 'main') => repository.startPush(refspec).ended,
        startPush: (refspec = 'main') => startGit(['push', 'paas', refspec], { cwd: dir, ownGroup: true }),
        async commit(files, message = 'Change') {
          for (const [name, text] of Object.entries(files)) {
            mkdirSync(join(dir, name, '..'), { recursive: true });
            writeFileSync(join(dir, name), text);
          }
          await git(['add', '-A'], { cwd: dir });
          const done = await git(['commit', '-q', '--allow-empty', '-m', message], { cwd: dir });
          if (done.code !== 0) throw new Error(done.all);
        },
      };
      await repository.commit('files' in source ? source.files : {}, 'First');
      return repository;
    },
  };
  return user;
}

/** The collector and HAProxy outlive paasd: they are ended by their own pids. */
async function endBeside(dataDir: string): Promise<void> {
  const collector = Number.parseInt(readIfThere(join(dataDir, 'run/collector.pid')), 10);
  const master = Number.parseInt(readIfThere(join(dataDir, 'haproxy/haproxy.pid')), 10);
  const config = join(dataDir, 'haproxy/haproxy.cfg');
  for (const pid of [collector, master]) sendSignal(pid, 'SIGTERM');
  await eventually('the log collector has ended', () => !sendSignal(collector, 0), 15_000).catch(() =>
    sendSignal(collector, 'SIGKILL'),
  );
  await eventually('HAProxy has ended', async () => (await findHaproxy(config)).length === 0, 15_000).catch(
    async () => {
      for (const pid of await findHaproxy(config)) sendSignal(pid, 'SIGKILL');
    },
  );
}

async function removeObjects(instance: string): Promise<void> {
  const filter = ['--filter', `label=paas.instance=${instance}`];
  const kinds = [
    { list: ['ps', '-aq', ...filter], remove: ['rm', '--force', '--volumes'] },
    { list: ['network', 'ls', '-q', ...filter], remove: ['network', 'rm'] },
    { list: ['volume', 'ls', '-q', ...filter], remove: ['volume', 'rm', '--force'] },
    { list: ['image', 'ls', '-q', ...filter], remove: ['image', 'rm', '--force'] },
    // Images that were deployed as they are carry our tag and no label.
    {
      list: ['image', 'ls', '-q', '--filter', `reference=paas-${instance}/*`],
      remove: ['image', 'rm', '--force'],
    },
  ];
  for (const { list, remove } of kinds) {
    let before = -1;
    for (;;) {
      const ids = [...new Set((await dockerCommand(list)).split('\n').filter(Boolean))];
      if (ids.length === 0) break;
      if (ids.length === before) throw new Error(`docker ${remove.join(' ')} leaves ${ids.join(' ')}`);
      before = ids.length;
      // An image goes only after those made from it: the next turn gets it.
      await dockerCommand([...remove, ...ids]).catch(() => undefined);
    }
  }
}

async function dockerCommand(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await startProgram('docker', args, {
    env: { PATH: process.env['PATH'], HOME: tmpdir() },
  }).ended;
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Whether the process was there to get the signal. */
function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
