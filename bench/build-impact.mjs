// What builds do to a running app: p50 and p99 of an app at a fixed rate over keep-alive connections, at rest and while
// two builds take all CPU they are given (a Dockerfile and a buildpack, two busy processes for each core), in one run.
// Usage: node bench/build-impact.mjs [--rounds N] [--seconds N] [--rate N] [--quick]. Needs gcc, and the network once.

import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, parameters, printRatio } from './support/figures.mjs';
import { api, buildImage, createImageApp, withPaas } from './support/paas.mjs';
import { run, until } from './support/programs.mjs';

const options = parameters({ rounds: 3, seconds: 20, rate: 200 }, { rounds: 1, seconds: 8, rate: 200 });
const CONNECTIONS = 20;
const BUSY = availableParallelism() * 2;
/** A build outlives the measurement, and is canceled then. */
const BUILD_SECONDS = 600;

await withPaas(async (paas) => {
  await createImageApp(paas, 'running', await backend(paas));
  const sources = [dockerfile(paas), buildpack(paas)];
  for (const { app } of sources) await api(paas, 'POST', '/apps', { name: app });

  const quiet = [];
  const busy = [];
  for (let round = 0; round < options.rounds; round += 1) {
    quiet.push(await measure(paas));
    const builds = await Promise.all(sources.map((source) => startBuild(paas, source)));
    busy.push(await measure(paas));
    const cancels = await Promise.all(builds.map((end) => end()));
    console.log(`builds:cancel took ${cancels.map((ms) => `${Math.round(ms)} ms`).join(' and ')}`);
  }
  print('at rest', quiet);
  print('with two builds', busy);
  const p99 = (all) => median(all.map((figures) => figures.p99));
  printRatio('p99-during-builds', p99(busy) / p99(quiet), '<=2');
  const failed = [...quiet, ...busy].reduce((sum, figures) => sum + figures.failed, 0);
  printRatio('failed-during-builds', failed, '<=0');
});

async function backend(paas) {
  const context = join(paas.dataDir, 'backend');
  mkdirSync(context);
  const source = resolve(import.meta.dirname, 'support/static-server.c');
  await run('gcc', ['-O2', '-static', '-pthread', '-o', join(context, 'server'), source]);
  return await buildImage(paas, 'backend', ['COPY server /server', 'CMD ["/server"]'], { context });
}

function dockerfile(paas) {
  const loop = `for i in $(seq ${BUSY}); do timeout ${BUILD_SECONDS} sh -c 'while :; do :; done' & done`;
  return source(paas, 'dockerfile', {
    // The clock in it keeps the layer out of the cache.
    Dockerfile: () =>
      `FROM paas-stack-run:13\nENV ROUND=${Date.now()}\nRUN echo is busy; ${loop}; wait\nCMD ["true"]\n`,
  });
}

function buildpack(paas) {
  const work = `for (let i = 0; i < ${BUSY}; i++) new (require('node:worker_threads').Worker)('for(;;);', { eval: true })`;
  return source(paas, 'buildpack', {
    'package.json': () =>
      JSON.stringify({ name: 'x', version: '1.0.0', scripts: { build: 'echo is busy && node busy.js' } }),
    'busy.js': () => work,
  });
}

function source(paas, app, files) {
  const dir = join(paas.dataDir, `source-${app}`);
  mkdirSync(dir);
  return { app, dir, files };
}

/** Resolves when the build is busy; gives the way to cancel it, which tells how long that took in ms. */
async function startBuild(paas, { app, dir, files }) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text());
  const archive = `${dir}.tar.gz`;
  await run('tar', ['-czf', archive, '-C', dir, '.']);
  const { stdout } = await run('curl', [
    ...['-sS', '-X', 'POST', '-H', `Authorization: Bearer ${paas.token}`],
    ...[
      '-H',
      'Content-Type: application/gzip',
      '--data-binary',
      `@${archive}`,
      `${paas.url}/apps/${app}/builds`,
    ],
  ]);
  const { id, output_stream_url: url } = JSON.parse(stdout);
  const reading = new AbortController();
  let output = '';
  read(url, reading.signal, (text) => {
    output += text;
  }).catch(() => undefined);
  // The first one downloads Node.js.
  const isBusy = () => {
    if (/^ ! {5}(The build|Push)/m.test(output)) throw new Error(output);
    return /\bis busy$/m.test(output);
  };
  await until(`${app} is busy`, isBusy, { deadlineMs: 600_000 });
  await sleep(1000);
  return async () => {
    const before = performance.now();
    await api(paas, 'DELETE', `/apps/${app}/builds/${id}`);
    reading.abort();
    return performance.now() - before;
  };
}

async function read(url, signal, onText) {
  const { body } = await fetch(url, { signal });
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) onText(chunk);
}

/** Requests at the rate, begun on time whether or not those before have their answers. */
async function measure(paas) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const { port, host, path } = paas.target('running');
  const took = [];
  let failed = 0;
  const all = [];
  const beginning = performance.now();
  for (let number = 0; number < options.rate * options.seconds; number += 1) {
    const due = beginning + (number * 1000) / options.rate;
    const pause = due - performance.now();
    if (pause > 0) await sleep(pause);
    const begun = performance.now();
    all.push(
      ask({ agent, host: '127.0.0.1', port, path, headers: { host } }).then(
        () => took.push(performance.now() - begun),
        () => {
          failed += 1;
        },
      ),
    );
  }
  await Promise.all(all);
  agent.destroy();
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.min(took.length - 1, Math.floor(took.length * share))];
  return { p50: at(0.5), p99: at(0.99), max: took.at(-1), failed };
}

function ask(options) {
  return new Promise((resolve, reject) => {
    const call = request({ ...options, timeout: 25_000 }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(String(response.statusCode)));
      });
    });
    call.once('timeout', () => call.destroy(new Error('no answer'))).once('error', reject);
    call.end();
  });
}

function print(name, rounds) {
  for (const { p50, p99, max, failed } of rounds) {
    console.log(
      `${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, max ${max.toFixed(1)} ms, failed ${failed}`,
    );
  }
}
