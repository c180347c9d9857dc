// What builds do to a running app: p50 and p99 of an app at a fixed rate over keep-alive connections, at rest and while
// two builds take all CPU they are given (a Dockerfile and a buildpack, two busy processes for each core), in one run.
// Usage: node bench/build-impact.mjs [--rounds N] [--seconds N] [--rate N] [--quick]. Needs gcc, and the network once.

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createBusyBuilds } from './support/busy-builds.mjs';
import { median, parameters, printRatio } from './support/figures.mjs';
import { askAtRate } from './support/fixed-rate.mjs';
import { buildImage, createImageApp, withPaas } from './support/paas.mjs';
import { run } from './support/programs.mjs';

const options = parameters({ rounds: 3, seconds: 20, rate: 200 }, { rounds: 1, seconds: 8, rate: 200 });
const CONNECTIONS = 20;

await withPaas(async (paas) => {
  await createImageApp(paas, 'running', await backend(paas));
  const busyBuilds = await createBusyBuilds(paas);

  const quiet = [];
  const busy = [];
  for (let round = 0; round < options.rounds; round += 1) {
    quiet.push(await measure(paas));
    const cancel = await busyBuilds.start();
    busy.push(await measure(paas));
    const cancels = await cancel();
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

async function measure(paas) {
  return await askAtRate(paas.target('running'), { ...options, connections: CONNECTIONS });
}

function print(name, rounds) {
  for (const { p50, p99, max, failed } of rounds) {
    console.log(
      `${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, max ${max.toFixed(1)} ms, failed ${failed}`,
    );
  }
}
