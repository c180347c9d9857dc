// The firewall's rules against the kernel's own tables, in a network namespace without an engine.

import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { runProgram } from '../../src/daemon/wire-firewall.js';
import { createFirewall, type FirewallOptions, type RunProgram } from '../../src/firewall/firewall.js';
import { openPrivateNetwork, type PrivateNetwork } from '../support/private-network.js';

let network: PrivateNetwork;
let warnings: string[];
const run = runProgram(process.env['PATH']);
const inside: RunProgram = (argv, input) => run(network.inside(argv), input);

beforeAll(async () => {
  network = openPrivateNetwork(`pe${randomBytes(4).toString('hex')}`);
  await inside(['iptables', '-N', 'DOCKER-USER']);
  await inside(['iptables', '-A', 'DOCKER-USER', '-j', 'RETURN']);
  await inside(['iptables', '-A', 'FORWARD', '-j', 'DOCKER-USER']);
  await inside(['iptables', '-A', 'INPUT', '-i', 'lo', '-j', 'ACCEPT']);
});

beforeEach(() => {
  warnings = [];
});

afterAll(() => network.remove());

function firewallOf(instance: string, options: Partial<FirewallOptions> = {}) {
  const write = (line: string) => void warnings.push(JSON.parse(line).msg);
  return createFirewall({
    mode: 'on',
    instance,
    hostPorts: [80, 443, 8080],
    allow: [
      { network: '10.0.5.0/24', port: undefined },
      { network: '192.168.1.10/32', port: 5432 },
    ],
    bridges: async () => ({
      own: [`pa-${instance.slice(-12)}`],
      defaultBridge: { name: 'docker0', strangers: ['172.17.0.5'] },
    }),
    run: inside,
    readText: async (path) => (path === '/etc/resolv.conf' ? 'nameserver 10.255.255.53\n' : ''),
    isCarrying: () => false,
    log: pino({ level: 'warn' }, { write }),
    now: Date.now,
    ...options,
  });
}

async function rules(): Promise<string> {
  return (await inside(['iptables', '-S'])).stdout + (await inside(['ip6tables', '-S'])).stdout;
}

it('are written once, stay as they are, and are gone when the firewall is off', async () => {
  const before = await rules();
  const firewall = firewallOf('a00000000001');
  await firewall.ensure();
  const written = await rules();
  expect(written).toContain('-A INPUT -j PAAS-INPUT-a00000000001\n-A INPUT -i lo');
  for (let look = 0; look < 3; look++) await firewall.ensure();
  // Another daemon of the install, as after a restart.
  await firewallOf('a00000000001').ensure();
  expect(await rules()).toBe(written);
  expect(firewall.state()).toMatchObject({ kind: 'on', mendedAt: undefined });
  expect(warnings).toEqual([]);
  await firewallOf('a00000000001', { mode: 'off' }).ensure();
  expect(await rules()).toBe(before);
});

it('of two installs do not disturb each other', async () => {
  const [one, two] = [firewallOf('b00000000001'), firewallOf('b00000000002')];
  await one.ensure();
  await two.ensure();
  const both = await rules();
  for (const firewall of [one, two, one, two]) await firewall.ensure();
  expect(await rules()).toBe(both);
  expect(warnings).toEqual([]);
  await firewallOf('b00000000001', { mode: 'off' }).ensure();
  expect(await rules()).not.toContain('b00000000001');
  await two.ensure();
  expect(two.state()).toMatchObject({ kind: 'on', mendedAt: undefined });
  await firewallOf('b00000000002', { mode: 'off' }).ensure();
});

it.each([
  ['its jump was deleted', ['iptables', '-D', 'INPUT', '1']],
  ['the chain of the engine was flushed', ['iptables', '-F', 'DOCKER-USER']],
  ['its rules were deleted', ['iptables', '-F', 'PAAS-FORWARD-c00000000001']],
  ['one rule was put before', ['iptables', '-I', 'INPUT', '-j', 'ACCEPT']],
  ['a rule was added', ['iptables', '-I', 'PAAS-INPUT-c00000000001', '-j', 'RETURN']],
  ['all of IPv6 was flushed', ['ip6tables', '-F']],
] as const)('come back when %s', async (_what, change) => {
  const firewall = firewallOf('c00000000001');
  await firewall.ensure();
  const ours = (text: string) =>
    text
      .split('\n')
      .filter((line) => line.includes('PAAS-'))
      .join('\n');
  const before = ours(await rules());
  expect((await inside(change)).code).toBe(0);
  await firewall.ensure();
  expect(ours(await rules())).toBe(before);
  expect(warnings).toEqual(['the firewall was changed from outside; mended']);
  await inside(['iptables', '-D', 'INPUT', '-j', 'ACCEPT']);
});

it('keep dynos apart by themselves when all rules were flushed, and say that the engine has lost its own', async () => {
  const firewall = firewallOf('e00000000001');
  await firewall.ensure();
  expect(firewall.state()).toMatchObject({ kind: 'on', lacksEngineRules: false });
  for (const argv of [['-F'], ['-X']]) expect((await inside(['iptables', ...argv] as never)).code).toBe(0);
  await firewall.ensure();
  expect(firewall.state()).toMatchObject({ kind: 'on', lacksEngineRules: true });
  const forward = (await rules())
    .split('\n')
    .filter((line) => line.startsWith('-A PAAS-FORWARD-e00000000001'));
  expect(forward).toContain('-A PAAS-FORWARD-e00000000001 -i pa-e00000000001 -o pa-e00000000001 -j DROP');
  expect(await rules()).toContain('-A FORWARD -j PAAS-FORWARD-e00000000001');
  await inside(['iptables', '-N', 'DOCKER-USER']);
  await inside(['iptables', '-A', 'DOCKER-USER', '-j', 'RETURN']);
  await inside(['iptables', '-A', 'FORWARD', '-j', 'DOCKER-USER']);
  await firewall.ensure();
  expect(firewall.state()).toMatchObject({ kind: 'on', lacksEngineRules: false });
  await firewallOf('e00000000001', { mode: 'off' }).ensure();
});

it('follow a change of the containers and settings without a warning', async () => {
  let strangers = ['172.17.0.5'];
  const firewall = firewallOf('d00000000001', {
    bridges: async () => ({ own: ['pa-d00000000001'], defaultBridge: { name: 'docker0', strangers } }),
  });
  await firewall.ensure();
  strangers = ['172.17.0.6'];
  await firewall.ensure();
  expect(await rules()).toContain('-s 172.17.0.6/32 -i docker0 -j RETURN');
  expect(await rules()).not.toContain('172.17.0.5/32 -i docker0 -j RETURN\n-A PAAS-INPUT-d');
  expect(warnings).toEqual([]);
});

it.each([
  [
    'no iptables is installed',
    async () => Promise.reject(new Error('spawn iptables ENOENT')),
    /not installed/,
  ],
  [
    'paasd is not root',
    async () => ({ code: 4, stdout: '', stderr: 'iptables: Permission denied (you must be root)' }),
    /may not change/,
  ],
] as const)('%s: that is said once, and nothing breaks', async (_what, program, reason) => {
  const firewall = firewallOf('e00000000001', { run: program });
  await firewall.ensure();
  await firewall.ensure();
  expect(firewall.state()).toMatchObject({ kind: 'failed', reason: expect.stringMatching(reason) });
  expect(warnings).toHaveLength(1);
});
