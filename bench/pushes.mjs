// Many pushes at once: 100 clones to one app, several times, then one to each of 20 apps, with the API asked meanwhile. Prints
// what became of them, how long the slowest answer took, whose CPU that was, and p99 of the API.
// Usage: node bench/pushes.mjs [--clones N] [--rounds N] [--apps N] [--quick]

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { list, median, parameters, printRatio, seconds, timed } from './support/figures.mjs';
import { get, getJson } from './support/http.mjs';
import { api, withPaas } from './support/paas.mjs';
import { busySeconds, cpuSecondsOf, cpuSecondsOfChildren, findProcesses } from './support/processes.mjs';
import { run } from './support/programs.mjs';

const { clones, rounds, apps } = parameters(
  { clones: 100, rounds: 3, apps: 20 },
  { clones: 20, rounds: 1, apps: 5 },
);
const FIXTURE = resolve(import.meta.dirname, '../test/fixtures/apps/static-site');

await withPaas(async (paas) => {
  const sources = await Promise.all(
    Array.from({ length: clones }, (_, index) => repository(paas, `crowded-${index}`)),
  );
  const crowds = [];
  for (let round = 0; round < rounds; round += 1) crowds.push(await crowd(paas, `crowded-${round}`, sources));
  const each = (value) => crowds.map(value);
  console.log(
    `slowest refusal: ${list(
      each(({ slowestRefusalMs }) => slowestRefusalMs),
      seconds,
    )}`,
  );
  console.log(
    `slowest answer: ${list(
      each(({ slowestMs }) => slowestMs),
      seconds,
    )}`,
  );
  printRatio(
    'pushes-deployed-minus-releases',
    Math.max(...each(({ accepted, releases }) => Math.abs(accepted - releases))),
    '<=0',
  );
  // From the start of all pushes, or the end of the build that one waited for, to the end of the last one that was refused,
  // its reason read.
  printRatio(
    'pushes-slowest-refusal-seconds',
    median(each(({ slowestRefusalMs }) => slowestRefusalMs)) / 1000,
    '<=5',
  );
  printRatio('pushes-slowest-answer-seconds', median(each(({ slowestMs }) => slowestMs)) / 1000, '<=10');
  printRatio('pushes-api-p99-ms', median(each(({ apiP99Ms }) => apiP99Ms)), '<=1000');
  const plainMs = await pushToPlainGit(paas, sources);
  console.log(`the same pushes to a bare repository on the same disk, without a server: ${seconds(plainMs)}`);

  if (apps === 0) return;
  const names = Array.from({ length: apps }, (_, index) => `push-${index}`);
  for (const name of names) await api(paas, 'POST', '/apps', { name });
  const single = await Promise.all(
    names.map(async (app) => ({ app, dir: await repository(paas, `single-${app}`) })),
  );
  const spread = await pushAll(paas, single);
  console.log(`one push to each of ${apps} apps: ${describe(spread)}`);
  printRatio('pushes-apps-deployed', spread.accepted / apps, '>=1');
  printRatio('pushes-builds-at-once', spread.buildsAtOnce, '<=2');
  printRatio('pushes-apps-api-p99-ms', spread.apiP99Ms, '<=1000');
});

/** All clones to one app that has no code yet. */
async function crowd(paas, app, directories) {
  await api(paas, 'POST', '/apps', { name: app });
  const result = await pushAll(
    paas,
    directories.map((dir) => ({ dir, app })),
  );
  const releases = (await releasesOf(paas, app)).length;
  console.log(`${clones} pushes to one app: ${describe(result)}; ${releases} releases with code`);
  return { ...result, releases };
}

/** A clone of its own history, so that only one of many can be a fast-forward. */
async function repository(paas, name) {
  const dir = join(paas.dataDir, 'clones', name);
  mkdirSync(dir, { recursive: true });
  cpSync(FIXTURE, dir, { recursive: true });
  writeFileSync(join(dir, 'who.txt'), name);
  const git = (...args) => run('git', args, { cwd: dir, env: paas.userEnv });
  await git('init', '-q', '-b', 'main');
  await git('add', '-A');
  await git('commit', '-q', '-m', name);
  return dir;
}

/** Pushes all at the same time; watches the API until the last has ended. */
async function pushAll(paas, pushes) {
  const over = new AbortController();
  const watching = watchApi(paas, over.signal);
  const cpuBefore = cpuOf(paas);
  const before = performance.now();
  const results = await Promise.all(
    pushes.map(async ({ dir, app }) => {
      const args = ['push', `${paas.url}/${app}.git`, 'main'];
      const text = await run('git', args, { cwd: dir, env: paas.userEnv }).then(
        () => undefined,
        (error) => error.message,
      );
      return { text, tookMs: performance.now() - before };
    }),
  );
  const cpuAfter = cpuOf(paas);
  over.abort();
  const refused = results.filter(({ text }) => text !== undefined);
  // Who waited for the build of another could be refused only when that had ended.
  const builtMs = Math.max(
    0,
    ...results.filter(({ text }) => text === undefined).map(({ tookMs }) => tookMs),
  );
  const hasWaited = (text) => text.includes('Another push moved');
  const refusalMs = ({ text, tookMs }) => (hasWaited(text) ? Math.max(0, tookMs - builtMs) : tookMs);
  return {
    accepted: results.length - refused.length,
    reasons: count(refused.map(({ text }) => reasonOf(text))),
    slowestRefusalMs: Math.max(0, ...refused.map(refusalMs)),
    medianMs: median(results.map(({ tookMs }) => tookMs)),
    slowestMs: Math.max(...results.map(({ tookMs }) => tookMs)),
    cpu: Object.entries(cpuAfter).map(([part, used]) => [part, used - cpuBefore[part]]),
    ...(await watching),
  };
}

/** How long git alone takes for the same on this machine, in ms: the least that any server can. */
async function pushToPlainGit(paas, directories) {
  const bare = join(paas.dataDir, 'plain.git');
  await run('git', ['init', '-q', '--bare', bare], { env: paas.userEnv });
  return await timed(() =>
    Promise.allSettled(
      directories.map((cwd) => run('git', ['push', bare, 'main'], { cwd, env: paas.userEnv })),
    ),
  );
}

/** Asks for the apps and how many builds run, ten times a second: asking without a pause takes half a core from the pushes. */
async function watchApi(paas, signal) {
  const times = [];
  let buildsAtOnce = 0;
  while (!signal.aborted) {
    const before = performance.now();
    await api(paas, 'GET', '/apps');
    times.push(performance.now() - before);
    const { body } = await get({ port: paas.apiPort, host: 'localhost', path: '/healthz' });
    if (body === '') throw new Error('the platform does not answer');
    buildsAtOnce = Math.max(buildsAtOnce, await runningBuilds(paas));
    await sleep(100);
  }
  times.sort((a, b) => a - b);
  return { apiP99Ms: times[Math.floor((times.length - 1) * 0.99)], buildsAtOnce };
}

/** Asked of the engine itself: a `docker` command ten times a second takes a third of a core. */
async function runningBuilds(paas) {
  const label = [`paas.instance=${paas.instance}`, 'paas.role=build'];
  const filters = encodeURIComponent(JSON.stringify({ label }));
  return (await getJson({ socketPath: '/var/run/docker.sock', path: `/containers/json?filters=${filters}` }))
    .length;
}

/** A worker that a reload replaced may end while it is looked at. */
function cpuIfThere(pid) {
  try {
    return cpuSecondsOf(pid);
  } catch {
    return 0;
  }
}

/** CPU seconds so far by whose they are: `machine` is all, with the engine and the builds. */
function cpuOf(paas) {
  const router = findProcesses(join(paas.dataDir, 'haproxy/haproxy.cfg'));
  return {
    clients: cpuSecondsOfChildren(process.pid),
    'this bench': cpuSecondsOf(process.pid),
    daemon: cpuSecondsOf(paas.daemon.pid),
    'its gits': cpuSecondsOfChildren(paas.daemon.pid),
    router: router.reduce((sum, pid) => sum + cpuIfThere(pid), 0),
    machine: busySeconds(),
  };
}

async function releasesOf(paas, app) {
  const all = await api(paas, 'GET', `/apps/${app}/releases`);
  return all.filter(({ description }) => description.startsWith('Deploy'));
}

function reasonOf(text) {
  const line = text.split('\n').find((each) => /! |rejected|fatal/.test(each) && !/^git /.test(each)) ?? text;
  return line
    .replace(/^remote: /, '')
    .replace(/[0-9a-f-]{8,}|\d+/g, '#')
    .trim()
    .slice(0, 90);
}

function count(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, times]) => `${times} × ${value}`);
}

function describe({ accepted, reasons, medianMs, slowestMs, slowestRefusalMs, apiP99Ms, buildsAtOnce, cpu }) {
  const refusals =
    reasons.length === 0 ? '' : `, refused within ${seconds(slowestRefusalMs)}: ${reasons.join('; ')}`;
  const shares = cpu.map(([part, used]) => `${part} ${used.toFixed(2)} s`).join(', ');
  return `${accepted} deployed, half answered after ${seconds(medianMs)}, all after ${seconds(slowestMs)}${refusals}; at most ${buildsAtOnce} builds at once; API p99 ${apiP99Ms.toFixed(0)} ms; CPU: ${shares}`;
}
