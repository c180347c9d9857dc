// A Docker engine of a test's own: its own disk (a file with ext4 in it), network namespace, socket and directories. It can
// be killed, stopped, cut off from power and its disk filled without anybody else noticing. Needs root.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyDisk, makeDisk, unmountBelow } from './engine-disk.js';
import { eventually } from './house.js';
import {
  namespacePids,
  openPrivateNetwork,
  type PrivateNetwork,
  removePrivateNetwork,
} from './private-network.js';
import { isAlive, killAll } from './processes.js';

export interface PrivateEngine extends AsyncDisposable {
  readonly socketPath: string;
  /** Where the data of the platform may lie to share the engine's disk. */
  readonly disk: string;
  readonly network: PrivateNetwork;
  /** Process id of dockerd; undefined while it does not run. */
  readonly pid: number | undefined;
  /** What dockerd has printed. */
  log(): string;
  /** Starts dockerd and waits until it answers. */
  start(): Promise<void>;
  /** Ends dockerd by SIGTERM; containers run on. */
  stop(): Promise<void>;
  /** Ends dockerd by SIGKILL; containers run on. */
  kill9(): Promise<void>;
  /** As if the server had lost its power: dockerd, containers and all that only memory held are gone. Not started again. */
  cutPower(): Promise<void>;
  docker(args: readonly string[]): Promise<string>;
  /** Ids of containers whose processes run although dockerd does not know them. */
  strays(): Promise<string[]>;
  /** Runs a program in the engine's network and resolves with what it printed. Rejects when it fails. */
  run(argv: readonly string[]): Promise<string>;
  /** Takes all space of the disk but `leaveBytes`. */
  fillDisk(options?: { leaveBytes?: number }): void;
  freeDisk(): void;
}

export interface PrivateEngineOptions {
  readonly diskBytes?: number;
  /** Images of the shared engine that it begins with. */
  readonly images?: readonly string[];
}

const DISK_BYTES = 2 * 1024 ** 3;
const DISK_FILE = 'disk.img';
const PREFIX = 'pe';
const BALLAST = 'ballast';

/** Starts one; it has the run image unless `images` says otherwise. What dead tests left behind is taken away first. */
export async function openPrivateEngine(options: PrivateEngineOptions = {}): Promise<PrivateEngine> {
  removeLeftovers();
  const { diskBytes, images = ['paas-stack-run:13'] } = options;
  const prepared = join(
    tmpdir(),
    `paas-engine-disk-${(await Promise.all(images.map(imageId))).join('-')}.img`,
  );
  const isCopied = diskBytes === undefined && images.length > 0;
  if (isCopied && !existsSync(prepared)) await prepareDisk(prepared, images);
  const engine = await startOn((file, disk) =>
    isCopied ? copyDisk(prepared, file, disk) : makeDisk(file, disk, diskBytes ?? DISK_BYTES),
  );
  try {
    // Also when the engine keeps them for a namespace of its name, where those of a copied disk are not its own.
    for (const image of images) {
      await engine.docker(['image', 'inspect', image]).catch(() => loadImage(engine, image));
    }
    return engine;
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

/** The first one with these images leaves its disk for the others: half of a start is the loading of images. */
async function prepareDisk(prepared: string, images: readonly string[]): Promise<void> {
  const engine = await startOn((file, disk) => makeDisk(file, disk, DISK_BYTES));
  try {
    for (const image of images) await loadImage(engine, image);
    await engine.stop();
    // Not lazily: what is copied is whole.
    await eventually('the disk is free', () => spawnSync('umount', [engine.disk]).status === 0);
    renameSync(join(engine.disk, '..', DISK_FILE), prepared);
  } finally {
    await engine[Symbol.asyncDispose]();
  }
}

async function startOn(mount: (file: string, disk: string) => void): Promise<PrivateEngine> {
  const name = `${PREFIX}${randomBytes(4).toString('hex')}`;
  // Sockets lie in it: their paths must stay short.
  const root = join(tmpdir(), name);
  const disk = join(root, 'disk');
  mkdirSync(disk, { recursive: true });
  writeFileSync(join(root, 'owner'), String(process.pid));
  try {
    mount(join(root, DISK_FILE), disk);
    const engine = makeEngine({ name, root, disk, network: openPrivateNetwork(name) });
    await engine.start();
    return engine;
  } catch (error) {
    removeAll(name);
    throw error;
  }
}

function makeEngine(parts: {
  name: string;
  root: string;
  disk: string;
  network: PrivateNetwork;
}): PrivateEngine {
  const { name, root, disk, network } = parts;
  const socketPath = join(root, 'docker.sock');
  const logPath = join(root, 'dockerd.log');
  let daemon: ChildProcess | undefined;
  const isRunning = () => daemon !== undefined && daemon.exitCode === null && daemon.signalCode === null;
  const end = async (signal: NodeJS.Signals) => {
    const ending = daemon;
    if (ending === undefined || !isRunning()) return;
    ending.kill(signal);
    await eventually('dockerd has ended', () => !isRunning(), 60_000);
  };
  const engine: PrivateEngine = {
    socketPath,
    disk,
    network,
    get pid() {
      return isRunning() ? daemon?.pid : undefined;
    },
    log: () => readFileSync(logPath, 'utf8'),
    async start() {
      const output = openSync(logPath, 'a');
      const [program, ...args] = network.inside([
        'dockerd',
        ...dockerdArguments({ name, root, disk, socketPath }),
      ]);
      daemon = spawn(program, args, {
        stdio: ['ignore', output, output],
        env: { PATH: process.env['PATH'] },
      });
      await eventually(
        'the private dockerd answers',
        async () => {
          if (!isRunning()) throw new Error(`dockerd has ended:\n${engine.log().slice(-3000)}`);
          return await engine.docker(['version']).catch(() => undefined);
        },
        60_000,
      );
    },
    stop: () => end('SIGTERM'),
    async kill9() {
      const pidFile = join(root, 'exec/containerd/containerd.pid');
      const containerd = Number(readText(pidFile));
      await end('SIGKILL');
      // The kernel ends it with dockerd. A new dockerd would take what is not yet reaped for a living one.
      await eventually('containerd has ended', () => !isAlive(containerd), 60_000);
      rmSync(pidFile, { force: true });
    },
    async cutPower() {
      await engine.kill9();
      endBelow(root, []);
      unmountBelow(join(disk, 'docker'), { itself: false });
      unmountBelow(join(root, 'exec'), { itself: true });
      for (const gone of ['exec', 'docker.pid', 'docker.sock'])
        rmSync(join(root, gone), { recursive: true, force: true });
      removeBridges(network);
    },
    docker: (args) => runProgram(['docker', '-H', `unix://${socketPath}`, ...args]),
    async strays() {
      const shims = shimsOf(name);
      const known = new Set((await engine.docker(['ps', '-aq', '--no-trunc'])).split('\n'));
      return shims.filter((id) => !known.has(id));
    },
    run: (argv) => runProgram(network.inside(argv)),
    fillDisk({ leaveBytes = 0 } = {}) {
      const { bavail, bsize } = statfsSync(disk);
      const bytes = Math.max(0, bavail * bsize - leaveBytes);
      spawnSync('fallocate', ['-l', String(bytes), join(disk, BALLAST)]);
      // What fallocate does not get in one piece.
      if (leaveBytes === 0) spawnSync('dd', ['if=/dev/zero', `of=${join(disk, `${BALLAST}-rest`)}`, 'bs=4k']);
    },
    freeDisk() {
      for (const file of [BALLAST, `${BALLAST}-rest`]) rmSync(join(disk, file), { force: true });
    },
    async [Symbol.asyncDispose]() {
      await engine.kill9();
      removeAll(name);
    },
  };
  return engine;
}

function dockerdArguments(parts: { name: string; root: string; disk: string; socketPath: string }): string[] {
  const { name, root, disk, socketPath } = parts;
  return [
    ...['-H', `unix://${socketPath}`, '--data-root', join(disk, 'docker'), '--exec-root', join(root, 'exec')],
    ...['--pidfile', join(root, 'docker.pid'), '--live-restore'],
    ...['--containerd-namespace', name, '--containerd-plugins-namespace', `${name}p`],
    ...['--default-address-pool', 'base=10.201.0.0/16,size=27'],
  ];
}

/** Gives the engine an image of the shared one. */
async function loadImage(engine: PrivateEngine, image: string): Promise<void> {
  const saved = join(engine.disk, '..', 'image.tar');
  await runProgram(['docker', 'save', '-o', saved, image]);
  await engine.docker(['load', '-q', '-i', saved]);
  rmSync(saved);
}

async function imageId(image: string): Promise<string> {
  return (await runProgram(['docker', 'image', 'inspect', '--format', '{{.Id}}', image])).trim().slice(-12);
}

/** Everything under this name: processes, mounts, disk, network. */
function removeAll(name: string): void {
  const root = join(tmpdir(), name);
  const disk = join(root, 'disk');
  const containers = readDirectory(join(disk, 'docker/containers'));
  endBelow(root, namespacePids(name));
  unmountBelow(join(root, 'exec'), { itself: true });
  unmountBelow(disk, { itself: true });
  for (const container of containers) removeControlGroups(container);
  removePrivateNetwork(name);
  rmSync(root, { recursive: true, force: true });
}

/** Takes away the engines whose test has died. */
export function removeLeftovers(): void {
  for (const name of readDirectory(tmpdir())) {
    if (!/^pe[0-9a-f]{8}$/.test(name)) continue;
    const owner = readText(join(tmpdir(), name, 'owner'));
    if (owner !== '' && !isAlive(Number(owner))) removeAll(name);
  }
}

/** Ids of the containers that a shim of this engine holds. */
function shimsOf(name: string): string[] {
  return readDirectory('/proc')
    .filter((entry) => /^\d+$/.test(entry) && isAlive(Number(entry)))
    .map((pid) => readText(`/proc/${pid}/cmdline`).split('\0'))
    .filter(([program = '', ...args]) => program.includes('containerd-shim') && args.includes(name))
    .map((args) => args[args.indexOf('-id') + 1] ?? '');
}

/** These processes, the shims with this engine's directory in their command line, and all that runs below them. */
function endBelow(root: string, pids: readonly number[]): void {
  const parents = new Map<number, number>();
  const ending = new Set<number>(pids);
  for (const entry of readDirectory('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    parents.set(pid, Number(/\) \S (\d+)/.exec(readText(`/proc/${pid}/stat`))?.[1]));
    const commandLine = readText(`/proc/${pid}/cmdline`);
    if (commandLine.includes('containerd') && commandLine.includes(`${root}/exec/`)) ending.add(pid);
  }
  let size = 0;
  while (size !== ending.size) {
    size = ending.size;
    for (const [pid, parent] of parents) if (ending.has(parent)) ending.add(pid);
  }
  killAll(ending);
}

function removeBridges(network: PrivateNetwork): void {
  const links = execFileSync('nsenter', network.inside(['ip', '-o', 'link']).slice(1), { encoding: 'utf8' });
  for (const [, link = ''] of links.matchAll(/^\d+: (br-[^:@]+|docker0|veth[^:@]+)[:@]/gm)) {
    spawnSync('nsenter', network.inside(['ip', 'link', 'del', link]).slice(1));
  }
  for (const table of ['filter', 'nat']) {
    spawnSync('nsenter', network.inside(['iptables', '-w', '-t', table, '-F']).slice(1));
    spawnSync('nsenter', network.inside(['iptables', '-w', '-t', table, '-X']).slice(1));
  }
}

function removeControlGroups(containerId: string): void {
  for (const controller of readDirectory('/sys/fs/cgroup')) {
    spawnSync('rmdir', [join('/sys/fs/cgroup', controller, 'docker', containerId)]);
  }
}

async function runProgram(argv: readonly string[]): Promise<string> {
  const [program = '', ...args] = argv;
  return await new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: tmpdir() },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${argv.join(' ')} ended with ${code}: ${stderr}`));
    });
  });
}

function readDirectory(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
