// One machine that is full: many apps and dynos. How long a pass of the loop takes, how long the daemon needs to start
// with all of them adopted, what it costs at rest, and what a deploy takes beside them and on an empty box.
// Usage: node bench/crowd.mjs [--apps N] [--dynos N] [--seconds N] [--deploys N] [--quick]

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { list, median, parameters, printRatio, timed } from './support/figures.mjs';
import { untilAnswers } from './support/http.mjs';
import { api, startDaemon, stopDaemon, withPaas } from './support/paas.mjs';
import { cpuSecondsOf, findProcesses, memoryOf } from './support/processes.mjs';
import { docker, run, until } from './support/programs.mjs';

const options = parameters(
  { apps: 60, dynos: 150, seconds: 30, deploys: 7, starts: 3, passes: 12 },
  { apps: 6, dynos: 15, seconds: 5, deploys: 3, starts: 2, passes: 5 },
);
const ms = (value) => `${Math.round(value)} ms`;
/** Apps that are deployed at the same time. */
const AT_ONCE = 4;
const SETTLE_MS = 10_000;
/** A new release is watched for two minutes: at rest is what has none. */
const WATCH_MS = 125_000;

let deploys = 0;
let releasedAt = 0;

await withPaas(async (paas) => {
  const images = [await tinyImage(paas, 'one'), await tinyImage(paas, 'two')];
  await createApp(paas, 'measured', images[0]);
  const empty = await measureDeploys(paas, images);
  console.log(`deploy on an empty box: ${list(empty, ms)}`);
  const engineEmpty = await measureEngine(paas, images[0]);
  console.log(`docker run on an empty box: ${list(engineEmpty, ms)}`);

  await fill(paas, images[0]);
  const crowded = await measureDeploys(paas, images);
  console.log(`deploy beside ${options.apps} apps with ${options.dynos} dynos: ${list(crowded, ms)}`);
  const engineCrowded = await measureEngine(paas, images[0]);
  const engineShare = (median(engineCrowded) / median(engineEmpty)).toFixed(2);
  console.log(`docker run beside them: ${list(engineCrowded, ms)} (${engineShare} of the empty box)`);

  const passes = [];
  for (let round = 0; round < options.passes; round += 1) {
    // A pass over all apps comes at least every eight seconds.
    await sleep(4000);
    passes.push((await metric(paas, 'reconcile_pass_seconds')) * 1000);
  }
  console.log(`pass of the loop: ${list(passes, ms)}`);

  const starts = [];
  for (let round = 0; round < options.starts; round += 1) {
    await stopDaemon(paas);
    starts.push(await timed(() => startAndAdopt(paas)));
  }
  console.log(`daemon, start until all dynos are adopted: ${list(starts, ms)}`);

  await sleep(Math.max(SETTLE_MS, releasedAt + WATCH_MS - performance.now()));
  const { rssMb } = memoryOf(paas.daemon.pid);
  const cpu = await measureRest(paas);
  const shares = Object.entries(cpu).map(([part, percent]) => `${part} ${percent.toFixed(2)} %`);
  console.log(`at rest: RSS of the daemon ${rssMb.toFixed(0)} MB; CPU of a core: ${shares.join(', ')}`);

  printRatio('crowd-pass-seconds', Math.max(...passes) / 1000, '<=1');
  printRatio('crowd-start-seconds', median(starts) / 1000, '<=3');
  printRatio('crowd-rss-mb', rssMb, '<=150');
  printRatio('crowd-cpu-percent', cpu.daemon, '<=3');
  printRatio('crowd-cpu-percent-of-all', cpu.daemon + cpu.collector + cpu.haproxy, '<=3');
  printRatio('crowd-deploy', median(crowded) / median(empty), '<=1.2');
});

/** How much of a core each part takes, in percent. */
async function measureRest(paas) {
  const parts = {
    daemon: [paas.daemon.pid],
    collector: [Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'))],
    haproxy: findProcesses(join(paas.dataDir, 'haproxy/haproxy.cfg')),
  };
  const read = () =>
    Object.fromEntries(
      Object.entries(parts).map(([part, pids]) => [
        part,
        pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
      ]),
    );
  const before = read();
  await sleep(options.seconds * 1000);
  const after = read();
  return Object.fromEntries(
    Object.keys(parts).map((part) => [part, ((after[part] - before[part]) / options.seconds) * 100]),
  );
}

/** A static busybox that serves one page, so that many dynos fit into little memory. */
async function tinyImage(paas, text) {
  const folder = mkdtempSync(join(tmpdir(), 'crowd-'));
  try {
    await run('cp', ['/bin/busybox', folder]);
    writeFileSync(join(folder, 'index.html'), `${text}\n`);
    const lines = [
      'FROM scratch',
      'COPY busybox /bin/busybox',
      'COPY busybox /bin/sh',
      'COPY index.html /www/',
      'CMD ["/bin/sh", "-c", "exec /bin/busybox httpd -f -p $PORT -h /www"]',
      '',
    ];
    const tag = `${paas.instance}-${text}:latest`;
    const env = { ...process.env, DOCKER_BUILDKIT: '0' };
    await docker(['build', '-q', '-t', tag, ...paas.label, '-f', '-', folder], {
      env,
      input: lines.join('\n'),
    });
    return tag;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function createApp(paas, name, image) {
  await api(paas, 'POST', '/apps', { name });
  await release(paas, name, image);
  await untilAnswers(paas.target(name));
}

/** Releases an image; resolves when the build has ended. */
async function release(paas, app, image) {
  const { id } = await api(paas, 'POST', `/apps/${app}/builds`, { image });
  const ended = async () => {
    const { status } = await api(paas, 'GET', `/apps/${app}/builds/${id}`);
    if (status === 'failed') throw new Error(`the build of ${app} failed`);
    return status === 'succeeded';
  };
  await until(`the build of ${app}`, ended, { everyMs: 20 });
  releasedAt = performance.now();
}

/** How long it takes from the call until the new page is served. */
async function measureDeploys(paas, images) {
  const times = [];
  for (let round = 0; round < options.deploys; round += 1) {
    deploys += 1;
    const which = deploys % 2;
    times.push(
      await timed(async () => {
        await release(paas, 'measured', images[which]);
        await untilAnswers(paas.target('measured'), which === 1 ? 'two' : 'one');
      }),
    );
    // The old dyno goes before the next turn.
    await until('one dyno is left', async () => (await dynoIds(paas, 'measured')).length === 1, {
      everyMs: 100,
    });
  }
  return times;
}

/** What the engine alone takes, asked without us, until its container answers: a part of every deploy. */
async function measureEngine(paas, image) {
  const times = [];
  const network = `paas-${paas.instance}`;
  for (let round = 0; round < options.deploys; round += 1) {
    let id = '';
    times.push(
      await timed(async () => {
        id = await docker(['run', '-d', ...paas.label, '--network', network, '-e', 'PORT=5000', image]);
        const where = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
        const address = await docker(['inspect', '-f', where, id]);
        await until('it answers', () => accepts(address, 5000));
      }),
    );
    await docker(['rm', '--force', id]);
  }
  return times;
}

function accepts(host, port) {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const settle = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

async function fill(paas, image) {
  const names = Array.from({ length: options.apps }, (_, index) => `crowd-${index + 1}`);
  const quantity = (index) =>
    Math.floor(options.dynos / options.apps) + (index < options.dynos % options.apps ? 1 : 0);
  const waiting = names.map((name, index) => ({ name, quantity: quantity(index) }));
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await createApp(paas, next.name, image);
      await api(paas, 'PATCH', `/apps/${next.name}/formation`, {
        updates: [{ type: 'web', quantity: next.quantity }],
      });
    }
  };
  const took = await timed(async () => {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await until('all dynos run', async () => (await dynoIds(paas)).length >= options.dynos + 1, {
      everyMs: 500,
      deadlineMs: 600_000,
    });
  });
  console.log(`${options.apps} apps with ${options.dynos} dynos: made in ${Math.round(took / 1000)} s`);
  await sleep(SETTLE_MS);
}

async function dynoIds(paas, app) {
  const filters = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  const ofApp = app === undefined ? [] : ['--filter', `label=paas.app-name=${app}`];
  return (await docker(['ps', '-q', ...filters, ...ofApp])).split('\n').filter(Boolean);
}

/** Starts paasd, and waits until it knows every dyno as up. */
async function startAndAdopt(paas) {
  await startDaemon(paas);
  await until(
    'all dynos are up',
    async () => {
      const dynos = await api(paas, 'GET', `/apps/crowd-${options.apps}/dynos`);
      return (
        dynos.length > 0 &&
        dynos.every(({ state }) => state === 'up') &&
        (await metric(paas, 'reconcile_pass_seconds')) > 0
      );
    },
    { everyMs: 20 },
  );
}

/** A figure of the daemon's own whose name ends so, in its unit. */
async function metric(paas, name) {
  const response = await fetch(`${paas.url}/metrics`, { headers: { authorization: `Bearer ${paas.token}` } });
  const line = new RegExp(`^paas_\\S*${name}\\S* ([0-9.e+-]+)$`, 'm').exec(await response.text());
  return line === null ? 0 : Number(line[1]);
}
