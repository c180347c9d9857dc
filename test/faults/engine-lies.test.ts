// F4, F34, F8, F7: the engine's answers are lost, its events are cut, containers vanish, hang or stop, the server loses its
// power. One stage for all: each test leaves it at rest.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EngineProxy, openEngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/house.js';
import { lossesOf, openStage, type Stage } from '../support/stage.js';
import { SMALL_LOAD } from '../support/traffic.js';

/** Without streams, which would make each replaced dyno wait for its drain time. */
const SHORT_LOAD = { ...SMALL_LOAD, longLived: false };
let stage: Stage;
let proxy: EngineProxy;

beforeAll(async () => {
  stage = await openStage({
    settings: { PAAS_CRASH_COOL_OFF_SECONDS: '2' },
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

/** Waits for another process in the dyno's place, at most 15 s on a busy machine, and tells after how long. */
async function another(dyno: string, before: string | undefined, startedAt: number): Promise<void> {
  await eventually(
    `another ${dyno}`,
    async () => {
      const pid = (await stage.dynoPids().catch(() => ({}) as Record<string, string>))[dyno];
      return pid !== undefined && pid !== '0' && pid !== before;
    },
    15_000,
  );
  process.stderr.write(`another ${dyno} after ${Math.round(performance.now() - startedAt)} ms\n`);
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
  const startedAt = performance.now();
  await stage.engine.docker(['kill', victim]);
  await another('bee logger.1', before, startedAt);
  silent.stop();
  proxy.cut(/GET \S*\/events/);
  await stage.atRest();
});

it('replaces a container that somebody removed', async () => {
  await using traffic = await stage.startTraffic(SHORT_LOAD);
  const before = (await stage.dynoPids())['ant web.1'];
  const [victim = ''] = await stage.containers('paas.app-name=ant', 'paas.type=web');
  const startedAt = performance.now();
  await stage.engine.docker(['rm', '-f', victim]);
  await another('ant web.1', before, startedAt);
  await stage.atRest(30_000);
  await traffic.served(50);
  const report = await traffic.stop();
  const whileAway = report.failures.filter(({ reason }) => !/^50[23]|socket hang up|ECONNRESET/.test(reason));
  expect(whileAway).toEqual([]);
  expect(lossesOf(report).filter((loss) => loss.includes('bee'))).toEqual([]);
});

it.each([
  ['paused', ['pause']],
  ['stopped by a signal', ['kill', '-s', 'STOP']],
] as const)('replaces a container that was %s', async (_, command) => {
  const before = (await stage.dynoPids())['ant web.1'];
  const [victim = ''] = await stage.containers('paas.app-name=ant', 'paas.type=web');
  const startedAt = performance.now();
  await stage.engine.docker([...command, victim]);
  await another('ant web.1', before, startedAt);
  await stage.atRest(30_000);
  await stage.paas.answers('ant', 'word=');
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
