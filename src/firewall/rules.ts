// What the host lets containers do, as rules of iptables. Pure; firewall.ts carries them out.
// docs/decisions/0080-host-firewall.md

import type { Allowed } from './allowlist.js';

export interface WantedRules {
  readonly instance: string;
  /** Bridges of this install. */
  readonly bridges: readonly string[];
  /**
   * The engine's own bridge, on which the steps of Dockerfile builds run; the containers of others on it keep their ways
   * by their addresses. Undefined: left alone.
   */
  readonly defaultBridge: { readonly name: string; readonly strangers: readonly string[] } | undefined;
  /** Ports of this host that containers may reach: the router's. */
  readonly hostPorts: readonly number[];
  /** Name servers that containers ask, IPv4. */
  readonly nameServers: readonly string[];
  readonly allow: readonly Allowed[];
}

/** The chains of an install, and the rules in each in the words of `iptables -S`. */
export interface RuleSet {
  readonly input: Chain;
  readonly forward: Chain;
}

export interface Chain {
  readonly name: string;
  readonly rules: readonly string[];
}

// Link-local (with the metadata service of clouds), private, shared, loopback, multicast, reserved.
const CLOSED_NETWORKS = [
  ...['169.254.0.0/16', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
  ...['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4'],
];
const REPLIES = '-m conntrack --ctstate RELATED,ESTABLISHED';

/** Names of the chains: they carry the install's id, so that two installs have their own (28 characters at most). */
function chainNames(instance: string): { input: string; forward: string } {
  const short = instance.slice(0, 15);
  return { input: `PAAS-INPUT-${short}`, forward: `PAAS-FORWARD-${short}` };
}

/** The rules for IPv4. */
export function renderIpv4(wanted: WantedRules): RuleSet {
  const { input, forward } = chainNames(wanted.instance);
  const bridges = allBridges(wanted);
  return {
    input: {
      name: input,
      rules: [
        `-A ${input} ${REPLIES} -j RETURN`,
        ...strangerRules(wanted, input),
        ...bridges.flatMap((bridge) => inputOf(wanted, bridge).map((rule) => `-A ${input} ${rule}`)),
      ],
    },
    forward: {
      name: forward,
      rules: [
        `-A ${forward} ${REPLIES} -j RETURN`,
        ...strangerRules(wanted, forward),
        // Also by us: the engine's rule for it goes when somebody flushes all rules, and ours come back alone.
        ...wanted.bridges.map((bridge) => `-A ${forward} -i ${bridge} -o ${bridge} -j DROP`),
        ...bridges.flatMap((bridge) => forwardOf(wanted, bridge).map((rule) => `-A ${forward} ${rule}`)),
        // Dynos are reached through the router only. The engine's own bridge may have published ports of others.
        ...wanted.bridges.map((bridge) => `-A ${forward} ! -i ${bridge} -o ${bridge} -j DROP`),
      ],
    },
  };
}

/** The rules for IPv6, which our bridges do not have: nothing passes. */
export function renderIpv6(wanted: WantedRules): RuleSet {
  const { input, forward } = chainNames(wanted.instance);
  const { bridges } = wanted;
  return {
    input: { name: input, rules: bridges.map((bridge) => `-A ${input} -i ${bridge} -j DROP`) },
    forward: {
      name: forward,
      rules: bridges.flatMap((bridge) => [
        `-A ${forward} -i ${bridge} -j DROP`,
        `-A ${forward} -o ${bridge} -j DROP`,
      ]),
    },
  };
}

function allBridges({ bridges, defaultBridge }: WantedRules): string[] {
  return [...bridges, ...(defaultBridge === undefined ? [] : [defaultBridge.name])];
}

function strangerRules({ defaultBridge }: WantedRules, chain: string): string[] {
  return (defaultBridge?.strangers ?? []).map(
    (address) => `-A ${chain} -s ${address}/32 -i ${defaultBridge?.name} -j RETURN`,
  );
}

/** What containers may ask of this host: its web ports, its name service, and services that were named with their port. */
function inputOf(wanted: WantedRules, bridge: string): string[] {
  const services = wanted.allow.filter(({ port }) => port !== undefined);
  return [
    ...wanted.hostPorts.map((port) => `-i ${bridge} -p tcp -m tcp --dport ${port} -j RETURN`),
    ...nameServerRules(wanted, bridge),
    ...services.flatMap((allowed) => allowRules(allowed, bridge)),
    `-i ${bridge} -j DROP`,
  ];
}

/** What containers may ask of others: the internet, and private addresses that were allowed. */
function forwardOf(wanted: WantedRules, bridge: string): string[] {
  const isEngines = bridge === wanted.defaultBridge?.name;
  return [
    ...(isEngines ? [`-i ${bridge} -o ${bridge} -j RETURN`] : []),
    ...nameServerRules(wanted, bridge),
    ...wanted.allow.flatMap((allowed) => allowRules(allowed, bridge)),
    ...CLOSED_NETWORKS.map((network) => `-d ${network} -i ${bridge} -j DROP`),
  ];
}

// The engine's resolver asks them from inside the container's network, so a private one needs a way.
function nameServerRules({ nameServers }: WantedRules, bridge: string): string[] {
  return nameServers.flatMap((address) => allowRules({ network: `${address}/32`, port: 53 }, bridge));
}

function allowRules({ network, port }: Allowed, bridge: string): string[] {
  if (port === undefined) return [`-d ${network} -i ${bridge} -j RETURN`];
  return ['tcp', 'udp'].map(
    (protocol) => `-d ${network} -i ${bridge} -p ${protocol} -m ${protocol} --dport ${port} -j RETURN`,
  );
}

/** What is wrong with the rules that are there; empty when nothing is. `present` is the text of `iptables -S`. */
export function findFaults(present: string, wanted: RuleSet, forwardHook: string): string[] {
  const lines = present.split('\n');
  const faults: string[] = [];
  for (const { name, rules } of [wanted.input, wanted.forward]) {
    const there = lines.filter((line) => line.startsWith(`-A ${name} `));
    if (!lines.includes(`-N ${name}`)) faults.push(`chain ${name} was missing`);
    else if (there.join('\n') !== rules.join('\n')) faults.push(`rules of chain ${name} were others`);
  }
  if (!isHooked(lines, 'INPUT', wanted.input.name)) faults.push('chain INPUT did not lead to ours first');
  if (!isHooked(lines, forwardHook, wanted.forward.name))
    faults.push(`chain ${forwardHook} did not lead to ours first`);
  return faults;
}

/** Ours comes first; chains of other installs may stand before it, or two of them would move about for ever. */
function isHooked(lines: readonly string[], hook: string, chain: string): boolean {
  const rules = lines.filter((line) => line.startsWith(`-A ${hook} `));
  const at = rules.indexOf(`-A ${hook} -j ${chain}`);
  return (
    at >= 0 &&
    rules.lastIndexOf(`-A ${hook} -j ${chain}`) === at &&
    rules.slice(0, at).every((rule) => rule.startsWith(`-A ${hook} -j PAAS-`))
  );
}

/** The chain of forwarded packets that ours hangs on: the engine's for users' rules, where it has one. */
export function forwardHookOf(present: string): string {
  return present.split('\n').includes('-N DOCKER-USER') ? 'DOCKER-USER' : 'FORWARD';
}

/** Whether the engine's own chains are there: without them containers reach nothing outside, and ports are not published. */
export function hasEngineRules(present: string): boolean {
  return forwardHookOf(present) !== 'FORWARD';
}

/** Input of `iptables-restore --noflush` that makes the rules so, in one step: ours are replaced, others stay. */
export function renderRestore(present: string, wanted: RuleSet, forwardHook: string): string {
  return [
    '*filter',
    `:${wanted.input.name} - [0:0]`,
    `:${wanted.forward.name} - [0:0]`,
    ...wanted.input.rules,
    ...wanted.forward.rules,
    ...jumpsTo(present, wanted).map((jump) => jump.replace(/^-A/, '-D')),
    `-I INPUT 1 -j ${wanted.input.name}`,
    `-I ${forwardHook} 1 -j ${wanted.forward.name}`,
    'COMMIT',
    '',
  ].join('\n');
}

/** Input of `iptables-restore --noflush` that takes an install's chains away; undefined when there are none. */
export function renderRemoval(present: string, instance: string): string | undefined {
  const { input, forward } = chainNames(instance);
  const lines = present.split('\n');
  const chains = [input, forward].filter((name) => lines.includes(`-N ${name}`));
  if (chains.length === 0) return undefined;
  const jumps = lines.filter((line) => chains.some((name) => line.endsWith(` -j ${name}`)));
  return [
    '*filter',
    ...jumps.map((jump) => jump.replace(/^-A/, '-D')),
    ...chains.map((name) => `-F ${name}`),
    ...chains.map((name) => `-X ${name}`),
    'COMMIT',
    '',
  ].join('\n');
}

function jumpsTo(present: string, { input, forward }: RuleSet): string[] {
  return present
    .split('\n')
    .filter((line) => line.endsWith(` -j ${input.name}`) || line.endsWith(` -j ${forward.name}`));
}
