// A server's surroundings inside the namespace of a private engine: a network with an internet, a LAN, a metadata service
// and a name server, all of them canaries that answer whoever gets through.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNameServers } from '../../src/firewall/name-servers.js';
import { namespacePids, type PrivateNetwork } from './private-network.js';

export interface Surroundings extends AsyncDisposable {
  readonly internet: string;
  readonly lan: string;
  readonly metadata: string;
  readonly nameServer: string | undefined;
  /** Answers on all addresses of the server itself. */
  readonly hostPort: number;
}

const INTERNET = '198.51.100.9';
const LAN = '192.168.77.1';
const METADATA = '169.254.169.254';
const HOST_PORT = 7777;
const PORTS = ['53', '80', '5432'];

/** Adds them to the namespace. Nothing leaves it: its default route ends in a second namespace. */
export async function openSurroundings(network: PrivateNetwork): Promise<Surroundings> {
  const world = `${network.name}w`;
  const inWorld = (argv: readonly string[]): string[] => ['nsenter', `--net=/run/netns/${world}`, ...argv];
  const [nameServer] = readNameServers(readFileSync('/etc/resolv.conf', 'utf8'));
  run(['ip', 'netns', 'add', world]);
  run(
    network.inside(['ip', 'link', 'add', 'world', 'type', 'veth', 'peer', 'name', 'server', 'netns', world]),
  );
  run(network.inside(['ip', 'addr', 'add', '192.168.77.2/24', 'dev', 'world']));
  run(network.inside(['ip', 'link', 'set', 'world', 'up']));
  run(inWorld(['ip', 'link', 'set', 'lo', 'up']));
  run(inWorld(['ip', 'addr', 'add', `${LAN}/24`, 'dev', 'server']));
  run(inWorld(['ip', 'link', 'set', 'server', 'up']));
  for (const address of [INTERNET, METADATA, ...(nameServer === undefined ? [] : [nameServer])]) {
    run(inWorld(['ip', 'addr', 'add', `${address}/32`, 'dev', 'lo']));
  }
  run(network.inside(['ip', 'route', 'add', 'default', 'via', LAN]));
  const script = join(import.meta.dirname, 'canaries.mjs');
  const canaries = [
    await start(inWorld([process.execPath, script, INTERNET, nameServer ?? '127.0.0.1', ...PORTS])),
    await start(network.inside([process.execPath, script, INTERNET, '127.0.0.1', String(HOST_PORT)])),
  ];
  return {
    internet: INTERNET,
    lan: LAN,
    metadata: METADATA,
    nameServer,
    hostPort: HOST_PORT,
    async [Symbol.asyncDispose]() {
      for (const canary of canaries) canary.kill('SIGKILL');
      for (const pid of namespacePids(world)) process.kill(pid, 'SIGKILL');
      spawnSync('ip', ['netns', 'del', world]);
    },
  };
}

async function start([program = '', ...args]: readonly string[]): Promise<ChildProcess> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  if (child.stdout === null) throw new Error('no output');
  await once(child.stdout, 'data');
  return child;
}

function run([program = '', ...args]: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
