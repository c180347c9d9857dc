// F1: the engine is killed and comes back, under two apps that are asked and talk.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { lossesOf, lostLines, openStage, type Stage } from '../support/stage.js';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

it('keeps every dyno, request and line', async () => {
  const { engine, paas } = stage;
  const before = await stage.dynoPids();
  const traffic = await stage.startTraffic();
  const tails = stage.startTails();
  await traffic.served(100);

  await engine.kill9();
  await traffic.served(100);
  const restarted = await paas.owner.cli(['ps:restart', 'web.1', '-a', 'bee']);
  const refused = await paas.owner.api('POST', '/apps/ant/dynos', { command: 'true' });
  expect(refused.status).toBe(503);
  expect(refused.body).toMatchObject({ id: 'service_unavailable' });
  expect(restarted.code, restarted.all).toBe(0);
  await traffic.served(300);
  await engine.start();
  // 15 s, and the drain of the dyno that was to be restarted: it has a WebSocket.
  await stage.atRest(15_000 + 30_000);
  await traffic.served(100);

  const lines = await lostLines(tails);
  for (const tail of tails) await tail[Symbol.asyncDispose]();
  expect(lossesOf(await traffic.stop())).toEqual([]);
  expect(lines).toEqual([]);
  const after = await stage.dynoPids();
  const { 'bee web.1': old, ...untouched } = before;
  expect(after).toMatchObject(untouched);
  await eventually(
    'what was asked meanwhile is done',
    async () => (await stage.dynoPids())['bee web.1'] !== old,
  );
});
