// A private instance of the product as its real processes: data directory, ports, subnet and Docker labels of its own.
// `withPaas` removes all of it at the end, also after an error, SIGINT or SIGTERM.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { get, untilAnswers } from './http.mjs';
import { findProcesses, isAlive } from './processes.mjs';
import { docker, freePort, run, until } from './programs.mjs';

const PROJECT = resolve(import.meta.dirname, '../..');
/** The compiled program: `dist`, or the folder that BENCH_DIST names. */
export const DIST = resolve(process.env.BENCH_DIST ?? join(PROJECT, 'dist'));

const TERMINATION = ['SIGINT', 'SIGTERM'];

/** Runs `work` with an instance; whatever happens, nothing of the instance is left afterwards. */
export async function withPaas(work) {
  const paas = await createInstance();
  const interrupted = new Promise((_, reject) => {
    for (const name of TERMINATION) process.once(name, () => reject(new Error(`ended by ${name}`)));
  });
  interrupted.catch(() => undefined);
  try {
    await Promise.race([start(paas).then(() => work(paas)), interrupted]);
  } catch (error) {
    console.error(error);
    console.error(readIfThere(join(paas.dataDir, 'paasd-output.log')).slice(-3000));
    process.exitCode = 1;
  } finally {
    await remove(paas);
  }
  // Work that an interrupt left behind must not keep the process.
  process.exit();
}

async function createInstance() {
  const dataDir = mkdtempSync(join(tmpdir(), 'paas-bench-'));
  const instance = `bench-${randomBytes(6).toString('hex')}`;
  writeFileSync(join(dataDir, 'instance-id'), instance, { mode: 0o600 });
  const httpPort = await freePort();
  const apiPort = await freePort();
  const caBundle = process.env.NODE_EXTRA_CA_CERTS && '/etc/ssl/certs/ca-certificates.crt';
  const home = join(dataDir, 'home');
  mkdirSync(home);
  return {
    dataDir,
    instance,
    httpPort,
    apiPort,
    caBundle,
    url: `http://localhost:${httpPort}`,
    host: (app) => `${app}.localhost:${httpPort}`,
    /** Where an app answers, for `get` and `untilAnswers`. */
    target: (app, path = '/') => ({ port: httpPort, host: `${app}.localhost:${httpPort}`, path }),
    label: ['--label', `paas.instance=${instance}`],
    home,
    env: {
      PATH: process.env.PATH,
      PAAS_DATA_DIR: dataDir,
      PAAS_BIND_ADDRESS: '127.0.0.1',
      PAAS_HTTP_PORT: String(httpPort),
      PAAS_API_PORT: String(apiPort),
      PAAS_SUBNET: await freeSubnet(),
      PAAS_LOG_LEVEL: process.env.PAAS_LOG_LEVEL ?? 'info',
      ...(caBundle ? { PAAS_BUILD_CA_BUNDLE: caBundle } : {}),
    },
    daemon: undefined,
    token: '',
    userEnv: {},
  };
}

/** A subnet that no Docker network of this machine has. */
async function freeSubnet() {
  const ids = (await docker(['network', 'ls', '-q'])).split('\n');
  const taken = await docker([
    'network',
    'inspect',
    '-f',
    '{{range .IPAM.Config}}{{.Subnet}} {{end}}',
    ...ids,
  ]);
  const [second, third] = randomBytes(2);
  for (let number = 180 + (second % 20); number < 255; number += 1) {
    if (!taken.includes(`10.${number}.`)) return `10.${number}.${third & 0xf0}.0/20`;
  }
  throw new Error('no free subnet for the instance');
}

async function start(paas) {
  const admin = (args, input) =>
    run(process.execPath, [join(DIST, 'daemon/admin.js'), ...args], { env: paas.env, input });
  const email = 'bench@example.com';
  await admin(
    ['account:create', '--email', email, '--password-stdin', '--admin'],
    randomBytes(12).toString('hex'),
  );
  paas.token = (await admin(['token:create', '--email', email])).stdout;
  writeFileSync(
    join(paas.home, '.netrc'),
    `machine localhost\n  login ${email}\n  password ${paas.token}\n`,
    { mode: 0o600 },
  );
  writeFileSync(join(paas.home, '.gitconfig'), `[user]\n  name = Bench\n  email = ${email}\n`);
  paas.userEnv = {
    PATH: process.env.PATH,
    HOME: paas.home,
    PAAS_HOST: paas.url,
    PAAS_TOKEN: paas.token,
    GIT_TERMINAL_PROMPT: '0',
  };
  await startDaemon(paas);
  await until('the router serves the platform', async () => {
    const { status } = await get({
      port: paas.httpPort,
      host: `localhost:${paas.httpPort}`,
      path: '/healthz',
    });
    return status === 200;
  });
}

/** Starts paasd; resolves when the API answers through the router. */
export async function startDaemon(paas) {
  const output = openSync(join(paas.dataDir, 'paasd-output.log'), 'a');
  paas.daemon = spawn(process.execPath, ['--max-semi-space-size=2', join(DIST, 'daemon/main.js')], {
    env: paas.env,
    stdio: ['ignore', output, output],
  });
  await until('paasd is ready', async () => {
    if (paas.daemon.exitCode !== null) throw new Error('paasd has ended');
    // Past the router, which tries again only once a second while the daemon is away.
    return (await get({ port: paas.apiPort, host: 'localhost', path: '/healthz' })).status === 200;
  });
}

/** Ends paasd alone: router, collector and dynos go on. */
export async function stopDaemon(paas) {
  const { daemon } = paas;
  if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
}

/** A request to the API; gives the parsed answer, throws unless it is 2xx. */
export async function api(paas, method, path, body) {
  const response = await fetch(`${paas.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${paas.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** The `paas` command. */
export function cli(paas, args) {
  return run(process.execPath, [join(DIST, 'cli/main.js'), ...args], { env: paas.userEnv, cwd: paas.home });
}

/** Creates an app that runs this local image, and waits until it answers over the router. */
export async function createImageApp(paas, name, image) {
  await api(paas, 'POST', '/apps', { name });
  await releaseImage(paas, name, image);
  await untilAnswers(paas.target(name));
}

/** Releases a local image and waits until the build says that it is over. */
export async function releaseImage(paas, app, image) {
  await cli(paas, ['deploy', '--image', image, '--app', app]);
}

/** An image over `base` with a Dockerfile's further lines; it carries the label of the instance. */
export async function buildImage(paas, name, lines, { base = 'paas-stack-run:13', context } = {}) {
  const tag = `${paas.instance}-${name}:latest`;
  const dockerfile = [`FROM ${base}`, ...lines, ''].join('\n');
  const source = context === undefined ? ['-'] : ['-f', '-', context];
  const env = { ...process.env, DOCKER_BUILDKIT: '0' };
  await docker(['build', '-q', '-t', tag, ...paas.label, ...source], { env, input: dockerfile });
  return tag;
}

/** A web process that answers each request with `text`; starts quickly and costs little. */
export function answeringImage(paas, name, text) {
  const program = [
    'import http.server as s, os',
    'class H(s.BaseHTTPRequestHandler):',
    ' def do_GET(self):',
    `  body = b${JSON.stringify(text)}`,
    '  self.send_response(200)',
    '  self.send_header("Content-Length", str(len(body)))',
    '  self.end_headers()',
    '  self.wfile.write(body)',
    ' def log_message(self, *a): pass',
    's.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()',
  ].join('\n');
  return buildImage(paas, name, [`CMD ${JSON.stringify(['python3', '-c', program])}`]);
}

async function remove(paas) {
  await stopDaemon(paas).catch(() => undefined);
  const config = join(paas.dataDir, 'haproxy/haproxy.cfg');
  const pids = () => [
    ...['run/collector.pid', 'haproxy/haproxy.pid']
      .map((file) => Number.parseInt(readIfThere(join(paas.dataDir, file)), 10))
      .filter((pid) => pid > 0 && isAlive(pid)),
    ...findProcesses(config),
  ];
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    for (const pid of pids()) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        if (error.code !== 'ESRCH') throw error;
      }
    }
    await until('the processes end', () => pids().length === 0, { everyMs: 50, deadlineMs: 10_000 }).catch(
      () => undefined,
    );
  }
  const filter = ['--filter', `label=paas.instance=${paas.instance}`];
  for (const [listing, removal] of [
    [
      ['ps', '-aq'],
      ['rm', '--force', '--volumes'],
    ],
    [
      ['network', 'ls', '-q'],
      ['network', 'rm'],
    ],
    [
      ['volume', 'ls', '-q'],
      ['volume', 'rm', '--force'],
    ],
    [
      ['image', 'ls', '-q'],
      ['image', 'rm', '--force'],
    ],
  ]) {
    const ids = [...new Set((await docker([...listing, ...filter])).split('\n').filter(Boolean))];
    if (ids.length > 0) await docker([...removal, ...ids]).catch((error) => console.error(error.message));
  }
  await removeFirewall(paas.instance).catch((error) => console.error(error));
  rmSync(paas.dataDir, { recursive: true, force: true });
}

/** Rules stay when a daemon ends: left behind, each packet of every later run would pass them. */
async function removeFirewall(instance) {
  const { createFirewall } = await import(join(DIST, 'firewall/firewall.js'));
  const { runProgram } = await import(join(DIST, 'daemon/wire-firewall.js'));
  const firewall = createFirewall({
    mode: 'off',
    instance,
    run: runProgram(process.env.PATH),
    log: { warn: (...what) => console.error(...what) },
    now: Date.now,
  });
  await firewall.ensure();
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
