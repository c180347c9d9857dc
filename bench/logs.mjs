// Lines per second of one live tail through the collector, next to `docker logs -f` of the same kind of container in the
// same run. Prints the ratio and the exact accounting. Usage: node bench/logs.mjs [LINES] [ROUNDS] [COMPILED-DIR]
// Needs Docker, /usr/bin/busybox (static) and compiled sources (`npm run build`, or another directory).

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const lineCount = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 3);
const dist = resolve(process.argv[4] ?? join(import.meta.dirname, '../dist'));
const load = (path) => import(pathToFileURL(join(dist, path)).href);
const { createLogClient } = await load('logs/client.js');
const { createLogger } = await load('log.js');

const instance = `bench-${randomBytes(6).toString('hex')}`;
const dataDir = mkdtempSync(join(tmpdir(), 'paas-bench-'));
const docker = (...args) =>
  execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
const log = createLogger({ level: 'silent', isTty: false, name: 'bench' });
const image = importImage();
const collector = startCollector();
const client = createLogClient({
  socketPath: join(dataDir, 'run/collector.sock'),
  clientId: randomUUID(),
  log,
});

try {
  await ready();
  console.log(`idle collector: ${rssMb()} MB RSS`);
  const ratios = [];
  for (let round = 1; round <= rounds; round += 1) {
    const ours = await throughCollector();
    const peer = await throughDockerLogs();
    const ratio = ours.rate / peer.rate;
    ratios.push(ratio);
    console.log(`round ${round}: tail ${show(ours)}`);
    console.log(`         docker logs -f ${show(peer)}`);
    console.log(`         ratio ${ratio.toFixed(2)}, collector ${rssMb()} MB RSS`);
  }
  ratios.sort((a, b) => a - b);
  console.log(`RATIO logs ${ratios[Math.floor(ratios.length / 2)].toFixed(2)} >=0.7`);
} finally {
  client.close();
  collector.kill('SIGTERM');
  for (const id of docker('ps', '-aq', '--filter', `label=paas.instance=${instance}`).split('\n')) {
    if (id !== '') docker('rm', '-f', id);
  }
  docker('rmi', '-f', image);
  rmSync(dataDir, { recursive: true, force: true });
}

async function throughCollector() {
  const appId = randomUUID();
  const containerId = create();
  await client.attach({ containerId, appId, process: 'web.1', tty: false });
  const ending = new AbortController();
  let lines = 0;
  let dropped = 0;
  let before = process.hrtime.bigint();
  let isStarted = false;
  for await (const event of client.tail({ appId, signal: ending.signal })) {
    if (event.kind === 'idle' && !isStarted) {
      isStarted = true;
      before = process.hrtime.bigint();
      spawn('docker', ['start', containerId], { stdio: 'ignore' });
    }
    if (event.kind === 'line' && event.line.source === 'app') lines += 1;
    if (event.kind === 'dropped') dropped += event.count;
    if (lines + dropped >= lineCount) ending.abort();
  }
  const seconds = Number(process.hrtime.bigint() - before) / 1e9;
  const { lines: taken, stored, unstored } = await client.stats();
  const accounting = `written ${lineCount} = delivered ${lines} + dropped ${dropped}; collector: ${taken} lines, ${stored} stored, ${unstored} not`;
  return { rate: lines / seconds, seconds, accounting };
}

async function throughDockerLogs() {
  const containerId = create();
  const before = process.hrtime.bigint();
  docker('start', containerId);
  const child = spawn('docker', ['logs', '-f', containerId], { stdio: ['ignore', 'pipe', 'ignore'] });
  let lines = 0;
  for await (const chunk of child.stdout) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
  }
  const seconds = Number(process.hrtime.bigint() - before) / 1e9;
  return { rate: lines / seconds, seconds, accounting: `written ${lineCount}, delivered ${lines}` };
}

function show({ rate, seconds, accounting }) {
  return `${Math.round(rate)} lines/s in ${seconds.toFixed(2)} s (${accounting})`;
}

function create() {
  const options = ['--label', `paas.instance=${instance}`, '--network', 'none', '--log-driver', 'json-file'];
  const rotation = ['--log-opt', 'max-size=10m', '--log-opt', 'max-file=2'];
  const script = `yes "$(printf '%0100d' 0)" | head -n ${lineCount}`;
  return docker('create', ...options, ...rotation, image, '/bin/busybox', 'sh', '-c', script);
}

function importImage() {
  const root = mkdtempSync(join(tmpdir(), 'paas-bench-image-'));
  const tar = join(root, 'image.tar');
  execFileSync('tar', ['-cf', tar, '-C', '/usr/bin', '--transform', 's,^,bin/,', 'busybox']);
  const name = `paas-${instance}:latest`;
  docker('import', tar, name);
  rmSync(root, { recursive: true });
  return name;
}

function startCollector() {
  const main = join(dataDir, 'log-collector-bench.mjs');
  const url = (path) => JSON.stringify(pathToFileURL(join(dist, path)).href);
  writeFileSync(
    main,
    `import { runLogCollector } from ${url('daemon/run-log-collector.js')};
import { createLogger } from ${url('log.js')};
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const log = createLogger({ level: 'warn', isTty: false, name: 'collector' });
await runLogCollector(${JSON.stringify({
      dataDir,
      instance,
      dockerSocket: '/var/run/docker.sock',
      version: 'bench',
      retention: { bytes: 100_000_000, days: 7 },
    })}, { log, signal: stop.signal });
`,
  );
  return spawn(process.execPath, [main], { stdio: ['ignore', 'inherit', 'inherit'] });
}

async function ready() {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await client.health().catch(() => undefined)) return;
    await sleep(50);
  }
  throw new Error('the collector does not answer');
}

function rssMb() {
  return Math.round(
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${collector.pid}/status`, 'utf8'))[1]) / 1024,
  );
}
