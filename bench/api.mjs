// The API under load: reads and writes at a fixed rate over the router, at rest and while two builds take all the CPU they are
// given. Usage: node bench/api.mjs [--rounds N] [--seconds N] [--reads N] [--writes N] [--quick]. Needs the network once.

import { createBusyBuilds } from './support/busy-builds.mjs';
import { median, parameters, printRatio } from './support/figures.mjs';
import { askAtRate } from './support/fixed-rate.mjs';
import { api, withPaas } from './support/paas.mjs';

const options = parameters(
  { rounds: 3, seconds: 20, reads: 500, writes: 50, apps: 20 },
  { rounds: 1, seconds: 5, apps: 5 },
);
const CONNECTIONS = 20;
const READS = ['', '/releases', '/config-vars', '/formation', '/dynos', '/builds'];

await withPaas(async (paas) => {
  const apps = Array.from({ length: options.apps }, (_, index) => `asked-${index}`);
  for (const name of apps) await api(paas, 'POST', '/apps', { name });
  const busyBuilds = await createBusyBuilds(paas);

  const quiet = [];
  const busy = [];
  for (let round = 0; round < options.rounds; round += 1) {
    quiet.push(await measure(paas, apps));
    const cancel = await busyBuilds.start();
    busy.push(await measure(paas, apps));
    await cancel();
  }
  print('at rest', quiet);
  print('with two builds', busy);
  const p99 = (kind) => median(busy.map((round) => round[kind].p99));
  printRatio('api-reads-p99-ms', p99('reads'), '<=50');
  printRatio('api-writes-p99-ms', p99('writes'), '<=50');
  const failed = [...quiet, ...busy].reduce(
    (sum, { reads, writes }) => sum + reads.failed + writes.failed,
    0,
  );
  printRatio('api-failed', failed, '<=0');
});

/** Config vars are the writes: each is a transaction with a new release. */
async function measure(paas, apps) {
  const { seconds } = options;
  const target = { port: paas.httpPort, host: `localhost:${paas.httpPort}` };
  const headers = { authorization: `Bearer ${paas.token}` };
  const appOf = (number) => `/apps/${apps[number % apps.length]}`;
  const readOf = (number) => ({
    headers,
    path: number % 10 === 0 ? '/apps' : `${appOf(number)}${READS[number % READS.length]}`,
  });
  const writeOf = (number) => ({
    method: 'PATCH',
    headers: { ...headers, 'content-type': 'application/json' },
    path: `${appOf(number)}/config-vars`,
    body: JSON.stringify({ NUMBER: `${number} ${performance.now()}` }),
  });
  const [reads, writes] = await Promise.all([
    askAtRate(target, { rate: options.reads, seconds, connections: CONNECTIONS, callOf: readOf }),
    askAtRate(target, { rate: options.writes, seconds, connections: CONNECTIONS, callOf: writeOf }),
  ]);
  return { reads, writes };
}

function print(name, rounds) {
  for (const round of rounds) {
    for (const [kind, { p50, p99, max, failed }] of Object.entries(round)) {
      console.log(
        `${kind} ${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, max ${max.toFixed(1)} ms, failed ${failed}`,
      );
    }
  }
}
