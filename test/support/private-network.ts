// A network namespace of a test's own, joined to the test by a pair of virtual interfaces: what is started in it has its
// own loopback, firewall and routes, and no way out but to the test.

import { execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';

export interface PrivateNetwork {
  /** Its name for `ip netns`. */
  readonly name: string;
  /** Where the test reaches what listens inside on all addresses. */
  readonly address: string;
  /** The test's own end, seen from inside. */
  readonly hostAddress: string;
  /** The command line that runs these arguments inside: the process keeps the id of the one that is started. */
  inside(argv: readonly string[]): [string, ...string[]];
  /** Takes it away; fine to call twice. Processes inside keep it alive unseen: end them first. */
  remove(): void;
}

/** Makes the namespace. `name` is unique, of at most 11 characters (interfaces are named by it). Needs root. */
export function openPrivateNetwork(name: string): PrivateNetwork {
  const [third, first] = [randomInt(0, 256), randomInt(0, 64) * 4];
  const hostAddress = `10.231.${third}.${first + 1}`;
  const address = `10.231.${third}.${first + 2}`;
  const inside = (argv: readonly string[]): [string, ...string[]] => [
    'nsenter',
    `--net=/run/netns/${name}`,
    ...argv,
  ];
  const outer = `${name}-o`;
  const network: PrivateNetwork = {
    name,
    address,
    hostAddress,
    inside,
    remove: () => removePrivateNetwork(name),
  };
  try {
    run('ip', 'netns', 'add', name);
    run('ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', `${name}-i`, 'netns', name);
    run('ip', 'addr', 'add', `${hostAddress}/30`, 'dev', outer);
    run('ip', 'link', 'set', outer, 'up');
    run(...inside(['ip', 'link', 'set', 'lo', 'up']));
    run(...inside(['ip', 'addr', 'add', `${address}/30`, 'dev', `${name}-i`]));
    run(...inside(['ip', 'link', 'set', `${name}-i`, 'up']));
  } catch (error) {
    network.remove();
    throw error;
  }
  return network;
}

/** Takes away what `openPrivateNetwork` made under this name, or what is left of it. */
export function removePrivateNetwork(name: string): void {
  spawnSync('ip', ['link', 'del', `${name}-o`]);
  spawnSync('ip', ['netns', 'del', name]);
}

/** Ids of the processes in the namespace (those of containers have their own); none when it is not there. */
export function namespacePids(name: string): number[] {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
