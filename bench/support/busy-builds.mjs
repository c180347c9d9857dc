// Two builds that take all the CPU they are given, a Dockerfile and a buildpack, with two busy processes for each core.

import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { api } from './paas.mjs';
import { run, until } from './programs.mjs';

const BUSY = availableParallelism() * 2;
/** A build outlives the measurement, and is canceled then. */
const BUILD_SECONDS = 600;

/** `start` resolves when both are busy; gives the way to cancel them, which tells how long each took in ms. */
export async function createBusyBuilds(paas) {
  const sources = [dockerfile(paas), buildpack(paas)];
  for (const { app } of sources) await api(paas, 'POST', '/apps', { name: app });
  return {
    async start() {
      const builds = await Promise.all(sources.map((source) => startBuild(paas, source)));
      return () => Promise.all(builds.map((end) => end()));
    },
  };
}

function dockerfile(paas) {
  const loop = `for i in $(seq ${BUSY}); do timeout ${BUILD_SECONDS} sh -c 'while :; do :; done' & done`;
  return sourceOf(paas, 'dockerfile', {
    // The clock in it keeps the layer out of the cache.
    Dockerfile: () =>
      `FROM paas-stack-run:13\nENV ROUND=${Date.now()}\nRUN echo is busy; ${loop}; wait\nCMD ["true"]\n`,
  });
}

function buildpack(paas) {
  const work = `for (let i = 0; i < ${BUSY}; i++) new (require('node:worker_threads').Worker)('for(;;);', { eval: true })`;
  return sourceOf(paas, 'buildpack', {
    'package.json': () =>
      JSON.stringify({ name: 'x', version: '1.0.0', scripts: { build: 'echo is busy && node busy.js' } }),
    'busy.js': () => work,
  });
}

function sourceOf(paas, app, files) {
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
