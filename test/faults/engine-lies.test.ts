// F4, F34, F8, F7: the engine's answers are lost, its events are cut, containers vanish, hang or stop, the server loses its
// power. One stage for all: each test leaves it at rest.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProxy, openEngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/house.js';
import { expectWithin, patience } from '../support/patience.js';
import { openStage, type Stage } from '../support/stage.js';
import { FAULT_LOAD } from '../support/traffic.js';

/** Without streams, which would make each replaced dyno wait for its drain time. */
const SHORT_LOAD = { ...FAULT_LOAD, longLived: false };
let stage: Stage;
let proxy: EngineProxy;

beforeAll(async () => {
  stage = await openStage({
    // A dyno that is stopped from outside looks like a bad release.
    settings: { PAAS_CRASH_COOL_OFF_SECONDS: '2', PAAS_ROLLBACK_WINDOW_SECONDS: '0' },
    async paas(engine) {
      proxy = await openEngineProxy({ socketPath: `${engine.socketPath}.proxy`, engine: engine.socketPath });
      return { dockerSocket: proxy.socketPath };
    },
  });
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

/** Waits for another process in the dyno's place, at most `limitMs` after the hit. */
async function another(
  dyno: string,
  before: string | undefined,
  { hitAt, limitMs }: { hitAt: number; limitMs: number },
): Promise<void> {
  await eventually(
    `another ${dyno}`,
    async () => {
      const pid = (await stage.dynoPids().catch(() => ({}) as Record<string, string>))[dyno];
      return pid !== undefined && pid !== '0' && pid !== before;
    },
    60_000,
  );
  expectWithin(`another ${dyno}`, performance.now() - hitAt, limitMs);
}

/** The engine itself cannot freeze a container at once on a busy machine. When the try began that worked. */
async function hit(command: readonly string[]): Promise<number> {
  return await eventually(`docker ${command[0]}`, async () => {
    const startedAt = performance.now();
    try {
      await stage.engine.docker(command);
      return startedAt;
    } catch (error) {
      if (!String(error).includes('unable to freeze')) throw error;
      return false;
    }
  });
}

/** Restarts one web dyno and waits until the invariants hold, which tell two containers in one place and what is left. */
async function restartUnder(traffic: { served(more: number): Promise<void> }): Promise<void> {
  const before = (await stage.dynoPids())['ant web.1'];
  const restarted = await stage.paas.owner.cli(['ps:restart', 'web.1', '-a', 'ant']);
  expect(restarted.code, restarted.all).toBe(0);
  await eventually(
    'a new container',
    async () => {
      const pid = (await stage.dynoPids())['ant web.1'];
      return pid !== undefined && pid !== before;
    },
    60_000,
  );
  await stage.atRest(30_000);
  await traffic.served(30);
}

it.each([
  ['the answer to create is lost', /POST \S*\/containers\/create/, { kind: 'lose-answer' }],
  [
    'create is done and answered with 500',
    /POST \S*\/containers\/create/,
    { kind: 'answer', status: 500, isDone: true },
  ],
  ['create is refused', /POST \S*\/containers\/create/, { kind: 'answer', status: 500, isDone: false }],
  ['the answer to start is lost', /POST \S*\/start/, { kind: 'lose-answer' }],
  ['start is done and answered with 500', /POST \S*\/start/, { kind: 'answer', status: 500, isDone: true }],
  ['the answer to stop is lost', /POST \S*\/stop/, { kind: 'lose-answer' }],
  ['the answer to remove is lost', /DELETE \S*\/containers\//, { kind: 'lose-answer' }],
  ['a list is lost', /GET \S*\/containers\/json/, { kind: 'lose-answer' }],
] as const)('%s: one container for the place, no request lost', async (_, call, lie) => {
  await using traffic = await stage.startTraffic(SHORT_LOAD);
  const told = proxy.lie(call, lie, 1);
  await restartUnder(traffic);
  expect(told.told).toBe(1);
  told.stop();
  const report = await traffic.stop();
  expect(report.failures).toEqual([]);
});

it('finds out without events, cut or silent', async () => {
  const silent = proxy.lie(/GET \S*\/events/, { kind: 'silence' });
  expect(proxy.cut(/GET \S*\/events/)).toBeGreaterThan(0);
  await eventually('the stream is opened again', () => silent.told > 0);
  const before = (await stage.dynoPids())['bee logger.1'];
  const [victim = ''] = await stage.containers('paas.app-name=bee', 'paas.type=logger');
  const hitAt = await hit(['kill', victim]);
  await another('bee logger.1', before, { hitAt, limitMs: 10_000 });
  silent.stop();
  proxy.cut(/GET \S*\/events/);
  await stage.atRest();
});

describe('a dyno beside another', () => {
  beforeAll(async () => {
    await stage.paas.owner.cli(['ps:scale', 'web=2', '-a', 'ant']);
  });
  afterAll(async () => {
    await stage.paas.owner.cli(['ps:scale', 'web=1', '-a', 'ant']);
    await stage.atRest(60_000);
  });

  it.each([
    ['removed', ['rm', '-f']],
    ['paused', ['pause']],
    ['stopped by a signal', ['kill', '-s', 'STOP']],
  ] as const)('is replaced when its container was %s; no request fails but its own', async (how, command) => {
    // A new release forgets crashes, and with them the wait before the next try.
    const changed = await stage.paas.owner.api('PATCH', '/apps/ant/config-vars', { HIT: how });
    expect(changed.status).toBe(200);
    await stage.atRest(60_000);
    const before = await stage.dynoPids();
    const [victim = ''] = await stage.containers('paas.app-name=ant', 'paas.type=web', 'paas.number=1');
    await using traffic = await stage.startTraffic(SHORT_LOAD);
    await traffic.served(60);
    const startedAt = Date.now();
    const hitAt = await hit([...command, victim]);
    await another('ant web.1', before['ant web.1'], { hitAt, limitMs: 5000 });
    const replacedAt = Date.now();
    await stage.atRest(30_000);
    await traffic.served(100);
    const report = await traffic.stop();
    process.stderr.write(`${report.failed} of ${report.requests} requests failed\n`);
    // What had been given to it by then ends with it.
    const late = report.failures.filter(({ at }) => at < startedAt || at > replacedAt + patience(500));
    expect([...late, ...report.failures.filter(({ host }) => host.startsWith('bee'))]).toEqual([]);
    const whys = report.failures.filter(({ reason }) => !/^50[234]|socket hang up|ECONNRESET/.test(reason));
    expect(whys).toEqual([]);
    // One for each client at most: it asks again only when it has an answer.
    expect(report.failed).toBeLessThanOrEqual(SHORT_LOAD.keepAlive + SHORT_LOAD.oneShot);
    expect(await stage.dynoPids()).toMatchObject({
      'ant web.2': before['ant web.2'],
      'bee web.1': before['bee web.1'],
    });
  });
});

it('brings everything back after a loss of power, and no one-off twice', async () => {
  const { paas, engine } = stage;
  const oneOff = await paas.owner.cli([
    'run:detached',
    '-a',
    'ant',
    '--',
    'sh',
    '-c',
    'echo once-$((40+2)); sleep 600',
  ]);
  expect(oneOff.code, oneOff.all).toBe(0);
  await eventually(
    'the one-off runs',
    async () => (await stage.containers('paas.role=one-off')).length === 1,
  );
  await paas.cutPower();
  await engine.cutPower();
  await engine.start();
  const startedAt = performance.now();
  await paas.start();
  await stage.atRest(60_000);
  for (const app of ['ant', 'bee']) await paas.answers(app, 'word=');
  expect(performance.now() - startedAt).toBeLessThan(60_000);
  expect(await stage.containers('paas.role=one-off')).toEqual([]);
});
