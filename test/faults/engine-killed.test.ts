// F1: the engine is killed and comes back, under two apps that are asked and talk.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { patience } from '../support/patience.js';
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
  // Nothing that replaces a dyno: its WebSocket would end with its drain.
  const scaled = await paas.owner.cli(['ps:scale', 'web=2', '-a', 'bee']);
  const refused = await paas.owner.api('POST', '/apps/ant/dynos', { command: 'true' });
  expect(refused.status).toBe(503);
  expect(refused.body).toMatchObject({ id: 'service_unavailable' });
  expect(scaled.code, scaled.all).toBe(0);
  await traffic.served(300);
  await engine.start();
  await stage.atRest(patience(15_000));
  await traffic.served(100);

  const lines = await lostLines(tails);
  for (const tail of tails) await tail[Symbol.asyncDispose]();
  expect(lossesOf(await traffic.stop())).toEqual([]);
  expect(lines).toEqual([]);
  const after = await stage.dynoPids();
  expect(after).toMatchObject(before);
  // What was asked meanwhile is done.
  expect(after['bee web.2']).toMatch(/^[1-9]/);
});

/** Process ids of loggers, of whatever container. */
function loggers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ticker.py');
    } catch {
      return false;
    }
  });
}

it('ends what it has forgotten when it is killed in the middle of a start', async () => {
  const { engine, paas } = stage;
  let forgotten = 0;
  for (let quantity = 2; quantity <= 4; quantity += 1) {
    const before = new Set(loggers());
    const scaling = paas.owner.cli(['ps:scale', `logger=${quantity}`, '-a', 'ant']);
    // At once: some milliseconds later it has written down that the container runs.
    const deadline = performance.now() + 20_000;
    while (loggers().every((pid) => before.has(pid)) && performance.now() < deadline) await sleep(1);
    await engine.kill9();
    await engine.start();
    if ((await engine.docker(['ps', '-aq', '--filter', 'status=created'])) !== '') forgotten += 1;
    await scaling;
    await stage.atRest(30_000);
  }
  process.stderr.write(`containers that the engine had forgotten: ${forgotten}\n`);
  const scaled = await paas.owner.cli(['ps:scale', 'logger=1', '-a', 'ant']);
  expect(scaled.code, scaled.all).toBe(0);
  await stage.atRest(30_000);
});
