import { describe, expect, it } from 'vitest';
import { parseAllowlist } from '../../../src/firewall/allowlist.js';
import { readEngineNameServers, readNameServers } from '../../../src/firewall/name-servers.js';
import {
  findFaults,
  forwardHookOf,
  renderIpv4,
  renderIpv6,
  renderRemoval,
  renderRestore,
  type WantedRules,
} from '../../../src/firewall/rules.js';

const WANTED: WantedRules = {
  instance: '0123456789ab',
  bridges: ['pa-0123456789ab'],
  defaultBridge: { name: 'docker0', strangers: ['172.17.0.5'] },
  hostPorts: [80, 443],
  nameServers: ['10.255.255.53'],
  allow: [
    { network: '10.0.5.0/24', port: undefined },
    { network: '192.168.1.10/32', port: 5432 },
  ],
};

const EMPTY =
  '-P INPUT ACCEPT\n-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\n';

/** What `iptables -S` shows after our input was taken. */
function shown(): string {
  const { input, forward } = renderIpv4(WANTED);
  return [
    ...['-P INPUT ACCEPT', '-N DOCKER-USER', `-N ${forward.name}`, `-N ${input.name}`],
    ...[`-A INPUT -j ${input.name}`, `-A DOCKER-USER -j ${forward.name}`, '-A DOCKER-USER -j RETURN'],
    ...forward.rules,
    ...input.rules,
  ].join('\n');
}

describe('the allowlist', () => {
  it.each([
    ['', []],
    ['10.0.5.0/24', [{ network: '10.0.5.0/24', port: undefined }]],
    [
      '10.0.5.77/20, 192.168.1.10:5432,',
      [
        { network: '10.0.0.0/20', port: undefined },
        { network: '192.168.1.10/32', port: 5432 },
      ],
    ],
    ['172.16.0.0/12:443', [{ network: '172.16.0.0/12', port: 443 }]],
  ])('%s', (text, expected) => {
    expect(parseAllowlist(text)).toEqual(expected);
  });

  it.each([
    '10.0.5.0/33',
    '10.0.5.0/0',
    '10.0.5',
    '256.0.0.1',
    'db.local',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '10.0.0.1 -j ACCEPT',
    'fd00::/8',
    '10.0.0.1;x',
  ])('has no place for %s', (text) => {
    expect(() => parseAllowlist(text)).toThrow('PAAS_EGRESS_ALLOW');
  });
});

describe('name servers', () => {
  it('are the IPv4 ones that containers are given', () => {
    const text =
      '# nameserver 1.1.1.1\nnameserver 10.0.0.2\nnameserver 127.0.0.53\nnameserver fd00::1\n nameserver 10.0.0.2\n';
    expect(readNameServers(text)).toEqual(['10.0.0.2']);
  });
  it.each([
    ['{"dns":["10.1.1.1","fd00::1",5]}', ['10.1.1.1']],
    ['{}', []],
    ['', []],
    ['{', []],
  ])('of daemon.json %s', (text, expected) => {
    expect(readEngineNameServers(text)).toEqual(expected);
  });
});

describe('the rules', () => {
  it('for IPv4', () => {
    expect([...renderIpv4(WANTED).input.rules, ...renderIpv4(WANTED).forward.rules]).toMatchSnapshot();
  });
  it('for IPv6 let nothing pass', () => {
    expect([...renderIpv6(WANTED).input.rules, ...renderIpv6(WANTED).forward.rules]).toMatchSnapshot();
  });
  it('are named for the kernel', () => {
    const { input, forward } = renderIpv4({ ...WANTED, instance: 'x'.repeat(40) });
    for (const { name } of [input, forward]) expect(name.length).toBeLessThanOrEqual(28);
  });
});

describe('faults', () => {
  const wanted = renderIpv4(WANTED);
  it.each([
    ['nothing is wrong', shown(), []],
    [
      'all is missing',
      EMPTY,
      [/INPUT-.* was missing/, /FORWARD-.* was missing/, /chain INPUT /, /DOCKER-USER/],
    ],
    [
      'a rule was deleted',
      shown().replace(/\n-A PAAS-INPUT-\S+ -i docker0 -j DROP/, ''),
      [/rules of chain PAAS-INPUT/],
    ],
    ['the jump was deleted', shown().replace(/\n-A INPUT -j \S+/, ''), [/chain INPUT/]],
    ['another rule came first', shown().replace('-A INPUT', '-A INPUT -j ACCEPT\n-A INPUT'), [/chain INPUT/]],
    ['another install came first', shown().replace('-A INPUT', '-A INPUT -j PAAS-INPUT-b\n-A INPUT'), []],
    ['the jump is there twice', shown().replace(/(-A INPUT .*)/, '$1\n$1'), [/chain INPUT/]],
  ])('%s', (_, present, expected) => {
    const faults = findFaults(present, wanted, forwardHookOf(present));
    expect(faults).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(faults[index]).toMatch(pattern);
  });
  it('hangs on FORWARD where the engine has no chain for users', () => {
    expect(forwardHookOf('-P FORWARD ACCEPT')).toBe('FORWARD');
  });
});

describe('the input of iptables-restore', () => {
  it('replaces the jumps that are there', () => {
    const input = renderRestore(shown(), renderIpv4(WANTED), 'DOCKER-USER');
    expect(input).toContain('\n-D INPUT -j PAAS-INPUT-0123456789ab\n');
    expect(input).toContain('\n-I INPUT 1 -j PAAS-INPUT-0123456789ab\n');
    expect(input.split('\n').filter((line) => line.startsWith('-D'))).toHaveLength(2);
  });
  it('takes away what is ours and only that', () => {
    expect(renderRemoval(EMPTY, WANTED.instance)).toBeUndefined();
    const removal = renderRemoval(`${shown()}\n-N PAAS-INPUT-other`, WANTED.instance);
    expect(removal).toMatchSnapshot();
  });
});
