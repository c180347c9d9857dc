// F4, F7: the engine's answers are lost, the server loses its power. One stage for all: each test leaves it at rest.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EngineProxy, openEngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/house.js';
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
