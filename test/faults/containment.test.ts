// What an app, a one-off and a build can see, do and reach, told by a probe from inside; and that the host's rules come
// back when somebody takes them away. Everything happens in a network namespace with an engine of its own.

import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, requestAs } from '../support/house.js';
import { type Paas, type Repository, startPaas } from '../support/paas.js';
import { patience } from '../support/patience.js';
import { openPrivateEngine, type PrivateEngine } from '../support/private-engine.js';
import { openSurroundings, type Surroundings } from '../support/surroundings.js';

const PROBE = readFileSync(join(import.meta.dirname, '../fixtures/apps/probe/probe.py'), 'utf8');
const API_PORT = 7071;
const BUILD_IMAGE = 'probe-build';
/** One port of the LAN's host; its others stay closed. */
const ALLOWED_PORT = 5432;
/** What the engine gives a container by default; BuildKit gives it to each step. */
const ENGINE_CAPABILITIES = '00000000a80425fb';
const CANARY = 'canary-93e1b07d44';

interface Report {
  readonly sockets: string[];
  readonly mounts: [string, string, string, string][];
  readonly status: Readonly<Record<'Uid' | 'CapEff' | 'CapBnd' | 'NoNewPrivs' | 'Seccomp', string>>;
  readonly environment: string[];
  readonly namespaces: Readonly<Record<string, string>>;
  readonly ipv6: string[];
  readonly pids: number[];
  readonly attempts: Readonly<Record<string, string>>;
  readonly name: string;
  readonly reach: Readonly<Record<string, string>>;
  readonly tmp: number;
  readonly shm: number;
}

let engine: PrivateEngine;
let around: Surroundings;
let paas: Paas;
let app: Repository;
let targets: string[];
/** Where the first dyno listens. */
let dynoAddress: string;
const reports: Record<string, Report> = {};
/** Command lines with the secret, seen while the build ran. */
const leaked = new Set<string>();
let buildOutput: string;

beforeAll(async () => {
  engine = await openPrivateEngine();
  around = await openSurroundings(engine.network);
  await makeBuildImage();
  paas = await startPaas(
    {
      PAAS_FIREWALL: 'on',
      PAAS_EGRESS_ALLOW: `${around.lan}:${ALLOWED_PORT}`,
      PAAS_API_PORT: String(API_PORT),
      PAAS_BUILD_MEMORY: '300m',
      PAAS_DYNO_PIDS: '300',
      PAAS_LOG_LEVEL: 'debug',
      PAAS_STACK_BUILD_IMAGE: BUILD_IMAGE,
    },
    { engine },
  );
  const gateway = await networkField('.Gateway');
  const own = /inet ([\d.]+)/.exec(await engine.run(['ip', '-4', 'addr', 'show', 'docker0']))?.[1];
  targets = [
    ...[2375, 2376, 2377, 7946, 22, API_PORT, around.hostPort].flatMap((port) =>
      [gateway, own, engine.network.address, '192.168.77.2'].map((host) => `${host}:${port}`),
    ),
    `${gateway}:${paas.httpPort}`,
    `${engine.network.address}:${paas.httpPort}`,
    `${around.metadata}:80`,
    `${around.lan}:${ALLOWED_PORT}`,
    `${around.lan}:80`,
    `${around.lan}:53`,
    `${around.metadata}:${ALLOWED_PORT}`,
    `${engine.network.hostAddress}:22`,
    `${around.internet}:80`,
  ];
  await paas.owner.cli(['create', 'probe']);
  app = await paas.owner.repository('probe', {
    files: {
      'probe.py': PROBE,
      targets: targets.join(' '),
      Procfile: 'web: python3 /app/probe.py serve',
    },
  });
  await paas.owner.cli(['config:set', `SECRET=${CANARY}`, '-a', 'probe']);
  const pushing = app.startPush();
  let isOver = false;
  const pushed = await Promise.all([
    pushing.ended.finally(() => {
      isOver = true;
    }),
    (async () => {
      while (!isOver) {
        for (const line of commandLines()) if (line.includes(CANARY)) leaked.add(line);
        await sleep(20);
      }
    })(),
  ]).then(([output]) => output);
  expect(pushed.code, pushed.all).toBe(0);
  buildOutput = pushed.all;
  reports['build'] = readReport(pushed.all);
  reports['dyno'] = JSON.parse(await paas.answers('probe', '"reach"', `/?${targets.join('+')}`));
  const [dyno = ''] = await dynoIds();
  const address = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  dynoAddress = `${(await engine.docker(['inspect', '-f', address, dyno])).trim()}:5000`;
  const asked = [...targets, dynoAddress].join(' ');
  const probe = ['python3', '/app/probe.py', 'report', asked];
  reports['one-off'] = readReport((await paas.owner.cli(['run', '-a', 'probe', '--', ...probe])).all);
}, 300_000);

afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
  await around?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

describe.each(['dyno', 'one-off', 'build'])('from a %s', (kind) => {
  it('no socket and no path of the host is seen', () => {
    const { sockets, mounts, pids } = report(kind);
    expect(sockets).toEqual([]);
    const shown = mounts
      .filter(([, , type]) => type === 'ext4')
      .map(([, target]) => target)
      .sort();
    const declared = kind === 'build' ? ['/buildpacks', '/cache'] : [];
    const bundle = shown.filter((target) => kind === 'build' && target === '/etc/paas/ca-bundle.crt');
    // The engine's own init program, and the three files that it writes for every container.
    const ofEngine = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/usr/sbin/docker-init'];
    expect(shown.map((target) => target.replace(/^\/sbin/, '/usr/sbin'))).toEqual(
      [...declared, ...bundle, ...ofEngine].sort(),
    );
    expect(pids.length).toBeLessThan(15);
  });

  it('nothing can be done that root could do', () => {
    const { status, attempts, ipv6, namespaces, shm, tmp } = report(kind);
    expect(status).toEqual({
      Uid: '20000',
      CapEff: '0000000000000000',
      CapBnd: '0000000000000000',
      NoNewPrivs: '1',
      Seccomp: '2',
    });
    for (const [what, result] of Object.entries(attempts)) {
      expect(result, what).toMatch(
        /not permitted|Read-only|denied|No such (process|file)|CalledProcessError|Address family not supported/,
      );
    }
    expect(ipv6).toEqual([]);
    expect(shm).toBe(64 * 1024 ** 2);
    if (kind !== 'build') expect(tmp).toBe(256 * 1024 ** 2);
    for (const name of ['pid', 'ipc', 'uts', 'net', 'mnt', 'cgroup']) {
      expect(namespaces[name], name).not.toBe(hostNamespace(name));
    }
  });

  it('names, the internet and what is allowed are reached; the host, the rest of the LAN and the metadata service are not', () => {
    const { reach, name } = report(kind);
    const open = Object.keys(reach).filter((target) => reach[target] === 'open');
    expect(open.sort()).toEqual(
      [
        `${around.internet}:80`,
        `${around.lan}:${ALLOWED_PORT}`,
        ...[gatewayOf(), engine.network.address].map((host) => `${host}:${paas.httpPort}`),
      ].sort(),
    );
    const closed = Object.entries(reach).filter(([target]) => !open.includes(target));
    expect(closed.filter(([, result]) => result !== 'timeout' && result !== 'timed out')).toEqual([]);
    if (around.nameServer !== undefined) expect(name).toBe(around.internet);
  });
});

it('a config value is in no image, log, command line or file, after a build and a crash', async () => {
  await engine.docker(['kill', ...(await dynoIds())]);
  await eventually('the crash is told', async () =>
    (await paas.owner.cli(['logs', '-n', '1500', '-a', 'probe'])).stdout.includes(
      'Process exited with status 137',
    ),
  );
  expect([...leaked]).toEqual([]);
  expect(buildOutput).not.toContain(CANARY);
  expect((await paas.owner.cli(['logs', '-n', '1500', '-a', 'probe'])).stdout).not.toContain(CANARY);
  expect(paas.daemonLog()).toContain('"level":20');
  expect(paas.daemonLog()).not.toContain(CANARY);
  const images = [...new Set((await engine.docker(['image', 'ls', '-q'])).split('\n').filter(Boolean))];
  expect(await engine.docker(['image', 'inspect', ...images])).not.toContain(CANARY);
  for (const image of images) {
    expect(await engine.docker(['history', '--no-trunc', image])).not.toContain(CANARY);
  }
  const saved = `docker -H unix://${engine.socketPath} save ${images.join(' ')} | grep -c -a ${CANARY} || true`;
  expect((await engine.run(['bash', '-c', saved])).trim()).toBe('0');
  // The database with what is not checkpointed yet, the copies that upkeep made of it, log lines, rendered files.
  const found = await engine.run([
    'bash',
    '-c',
    `grep -rlaF ${CANARY} ${paas.dataDir} --exclude-dir=homes || true`,
  ]);
  expect(found.trim()).toBe('');
  await eventually('it is up again', async () => (await dynoIds()).length === 1);
});

it('no dyno is reached by another, be it of the same app', () => {
  expect(report('one-off').reach[dynoAddress]).toBe('timeout');
});

it('steps of a Dockerfile are root in a sandbox, and reach what dynos reach', async () => {
  await paas.owner.cli(['create', 'probe-docker']);
  const repository = await paas.owner.repository('probe-docker', {
    files: {
      'probe.py': PROBE,
      Dockerfile: `FROM paas-stack-run:13\nUSER root\nCOPY probe.py /app/probe.py\nRUN python3 /app/probe.py report '${targets.join(' ')}' | fold -w 900\nENTRYPOINT []\nCMD ["python3", "/app/probe.py", "serve"]\n`,
    },
  });
  const pushed = await repository.push();
  expect(pushed.code, pushed.all).toBe(0);
  const { reach, name, sockets, mounts, status, attempts, namespaces, ipv6, pids } = readReport(pushed.all);
  console.log(
    JSON.stringify({ mounts, status, attempts, namespaces, ipv6, pids, host: hostNamespace('pid') }),
  );
  expect(sockets).toEqual([]);
  expect(ipv6).toEqual([]);
  expect(pids.length).toBeLessThan(15);
  // BuildKit's own files, and the certificates that the platform lends.
  const ofHost = mounts.filter(([, , type]) => type === 'ext4').map(([, target]) => target);
  expect(ofHost.sort()).toEqual(['/etc/hosts', '/etc/resolv.conf']);
  for (const name of ['pid', 'ipc', 'uts', 'net', 'mnt']) {
    expect(namespaces[name], name).not.toBe(hostNamespace(name));
  }
  expect(status).toEqual({
    Uid: '0',
    CapEff: ENGINE_CAPABILITIES,
    CapBnd: ENGINE_CAPABILITIES,
    NoNewPrivs: '0',
    Seccomp: '2',
  });
  const { 'become root': _itIsAlready, ...others } = attempts;
  const done = Object.keys(others).filter((what) => others[what] === 'done');
  expect(done.sort()).toEqual(['mknod', 'packet socket', 'raw socket']);
  for (const [what, result] of Object.entries(others)) {
    if (!done.includes(what)) expect(result, what).toMatch(/not permitted|Read-only|No such (process|file)/);
  }
  const open = Object.keys(reach).filter((target) => reach[target] === 'open');
  expect(open.filter((target) => !target.endsWith(`:${paas.httpPort}`)).sort()).toEqual(
    [`${around.internet}:80`, `${around.lan}:${ALLOWED_PORT}`].sort(),
  );
  if (around.nameServer !== undefined) expect(name).toBe(around.internet);
});

it('a step of a Dockerfile that needs too much memory is ended, and only it', async () => {
  await paas.owner.cli(['create', 'hog-docker']);
  const repository = await paas.owner.repository('hog-docker', {
    files: {
      Dockerfile: `FROM paas-stack-run:13\nRUN sleep 1 && python3 -c 'x = "a" * (1 << 30)'\nCMD ["sleep", "1000"]\n`,
    },
  });
  const pushed = await repository.push();
  expect(pushed.code).not.toBe(0);
  expect(pushed.all).toContain('Out of memory at step RUN sleep 1 && python3');
  expect(pushed.all).toContain('limit 300 MB');
  expect((await paas.http('probe', '/?')).status).toBe(200);
});

const HOGS: readonly [name: string, program: string, told: string][] = [
  [
    'processes',
    'import os,time\nfor n in range(5000):\n try:\n  if os.fork()==0: time.sleep(9); os._exit(0)\n except OSError as e: print("after", 256 <= n < 300, e.strerror); break\n',
    'after True Resource temporarily unavailable',
  ],
  ['memory', 'x = bytearray()\nwhile True: x.extend(bytes(1 << 20))\n', ''],
  [
    'open files',
    'held = []\ntry:\n while True: held.append(open("/dev/null"))\nexcept OSError as e: print("after", len(held) <= 16384, e.strerror)\n',
    'after True Too many open files',
  ],
  [
    'shared memory',
    'f = open("/dev/shm/x", "wb", 0)\nn = 0\ntry:\n while True: n += f.write(bytes(1 << 20))\nexcept OSError as e: print("after", n <= 64 << 20, e.strerror)\n',
    'after True No space left on device',
  ],
];

it('hogs of processes, memory, files and shared memory end alone, others are served', async () => {
  const waits: number[] = [];
  const hogs = HOGS.map(([, program]) =>
    paas.owner.cli(['run', '--exit-code', '-a', 'probe', '--', 'python3', '-c', program]),
  );
  let isOver = false;
  const all = Promise.all(hogs).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const begin = performance.now();
    expect((await requestAs(paas.address, paas.httpPort, '/healthz', paas.address)).status).toBe(200);
    waits.push(performance.now() - begin);
    await sleep(50);
  }
  const ended = await all;
  for (const [index, [name, , told]] of HOGS.entries()) expect(ended[index]?.all, name).toContain(told);
  expect(ended[1]?.code).toBe(137);
  expect(Math.max(...waits)).toBeLessThan(patience(2000));
  await eventually('the app answers', async () => (await paas.http('probe', '/?')).status === 200);
});

it('rules that somebody took away are back within 30 seconds, and the log says so', async () => {
  const rules = async () => (await engine.run(['iptables', '-S'])) + (await engine.run(['ip6tables', '-S']));
  const before = await rules();
  const bridge = `pa-${paas.network.slice(-12)}`;
  await engine.run(['iptables', '-F', 'DOCKER-USER']);
  await engine.run(['iptables', '-D', 'INPUT', '1']);
  await engine.run(['ip6tables', '-F']);
  await engine.run(['ip', 'link', 'set', bridge, 'down']);
  const withoutReturn = (text: string) => text.replace('-A DOCKER-USER -j RETURN\n', '');
  await eventually(
    'the rules are back',
    async () => withoutReturn(await rules()) === withoutReturn(before),
    30_000,
  );
  await eventually('the bridge is up', async () => (await paas.http('probe', '/?')).status === 200, 30_000);
  expect(paas.daemonLog()).toContain('the firewall was changed from outside');
  expect(paas.daemonLog()).toContain(`bridge ${bridge} was down`);
});

it('leaves no rule behind when it is switched off', async () => {
  await paas.stop();
  const off = await startPaasWithoutFirewall();
  expect(off).not.toContain('PAAS-');
});

/** What iptables has once a daemon of the same data directory has started with the firewall off. */
async function startPaasWithoutFirewall(): Promise<string> {
  const { createFirewall } = await import('../../src/firewall/firewall.js');
  const { runProgram } = await import('../../src/daemon/wire-firewall.js');
  const { pino } = await import('pino');
  const run = runProgram(process.env['PATH']);
  const firewall = createFirewall({
    mode: 'off',
    instance: paas.instance,
    hostPorts: [],
    allow: [],
    bridges: async () => ({ own: [], defaultBridge: undefined }),
    run: (argv, input) => run(engine.network.inside(argv), input),
    readText: async () => '',
    isCarrying: () => false,
    log: pino({ level: 'silent' }),
    now: Date.now,
  });
  await firewall.ensure();
  return (await engine.run(['iptables', '-S'])) + (await engine.run(['ip6tables', '-S']));
}

/** A build image whose driver runs the probe, and leaves what the build driver of the stack leaves. */
async function makeBuildImage(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'probe-image-'));
  const driver = [
    '#!/bin/sh',
    'python3 /app/probe.py report "$(cat /app/targets)" || exit 10',
    `echo '{"buildpacks":["probe"],"default_process_types":{}}' > /tmp/paas-release.json`,
  ].join('\n');
  writeFileSync(join(directory, 'paas-build'), `${driver}\n`, { mode: 0o755 });
  writeFileSync(
    join(directory, 'Dockerfile'),
    [
      'FROM paas-stack-run:13',
      'USER root',
      'COPY paas-build /usr/local/bin/paas-build',
      'RUN mkdir -p /app /cache /env /buildpacks && chown 20000:20000 /app /cache /env && chmod 755 /usr/local/bin/paas-build',
      'USER 20000',
    ].join('\n'),
  );
  // The engine's first builder: the other one needs a plug-in of the command.
  await engine.run([
    'env',
    'DOCKER_BUILDKIT=0',
    'docker',
    '-H',
    `unix://${engine.socketPath}`,
    'build',
    '-q',
    '-t',
    BUILD_IMAGE,
    directory,
  ]);
  rmSync(directory, { recursive: true });
}

function report(kind: string): Report {
  const found = reports[kind];
  if (found === undefined) throw new Error(`no report of ${kind}`);
  return found;
}

function gatewayOf(): string {
  return (targets[0] ?? '').split(':')[0] ?? '';
}

async function networkField(field: string): Promise<string> {
  const format = `{{range .IPAM.Config}}{{${field}}}{{end}}`;
  return (
    await eventually('the network is there', () =>
      engine.docker(['network', 'inspect', '-f', format, paas.network]).catch(() => undefined),
    )
  ).trim();
}

/** The probe's line in the output of a build or a command, which may be cut into lines and marked as the remote's. */
function readReport(output: string): Report {
  const text = output
    .replace(/\s*\u001b\[K/g, '')
    .replace(/\s*\n(remote: ?)?/g, '')
    .replace(/ {7,}(#\d+ )?/g, '');
  const start = text.indexOf('PROBE {');
  if (start < 0) throw new Error(`no report in:\n${output}`);
  let depth = 0;
  for (let at = start + 6; at < text.length; at++) {
    if (text[at] === '{') depth++;
    if (text[at] === '}') depth--;
    if (depth === 0) return JSON.parse(text.slice(start + 6, at + 1));
  }
  throw new Error(`half a report in:\n${output}`);
}

async function dynoIds(): Promise<string[]> {
  return (await engine.docker(['ps', '-q', '--filter', 'label=paas.role=dyno'])).split('\n').filter(Boolean);
}

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    });
}

function hostNamespace(name: string): string {
  return readlinkSync(`/proc/self/ns/${name}`);
}
