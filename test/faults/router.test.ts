// F26, F27, F28: HAProxy is killed, its files are spoilt, it is reloaded all the time; the daemon's clock jumps.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askReload, showProcesses, withWorker } from '../../src/router/runtime-api.js';
import { MASTER_SOCKET } from '../../src/router/settings.js';
import { readTables } from '../../src/router/worker-tables.js';
import { eventually } from '../support/house.js';
import { patience } from '../support/patience.js';
import { openStage, type Stage } from '../support/stage.js';
import { FAULT_LOAD } from '../support/traffic.js';

const SHORT_LOAD = { ...FAULT_LOAD, longLived: false };
const FAKETIME = '/usr/bin/faketime';
/** Not by the command: it is a parent that ends before paasd does. */
const fakeTime = (jump: string) => ({
  LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1',
  FAKETIME: jump,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
});
let stage: Stage;
/** Put before paasd at its next start. */
const wrapper: string[] = [];

beforeAll(async () => {
  stage = await openStage({ paas: () => ({ wrapper }) });
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const dir = () => join(stage.paas.dataDir, 'haproxy');
/** The master's socket is away for a moment while it reloads. */
const processes = () =>
  eventually('HAProxy tells its processes', () =>
    showProcesses(join(dir(), MASTER_SOCKET)).catch(() => undefined),
  );

async function tables() {
  const { worker = 0 } = await processes();
  return await withWorker(join(dir(), MASTER_SOCKET), worker, (ask) => readTables(ask, dir()));
}

it.each(['worker', 'master'] as const)('F26: a killed %s is back in 2 s', async (which) => {
  const before = await processes();
  const victim = before[which] ?? 0;
  await using traffic = await stage.startTraffic(SHORT_LOAD);
  await traffic.served(60);
  const startedAt = Date.now();
  process.kill(victim, 'SIGKILL');
  await eventually('another one answers', async () => {
    const now = await processes();
    if (now[which] === undefined || now[which] === victim) return false;
    return (await stage.paas.http('ant').catch(() => ({ status: 0 }))).status === 200;
  });
  await traffic.served(60);
  const { failures, maxMs } = await traffic.stop();
  const outageMs = failures.reduce((last, { at }) => Math.max(last, at - startedAt), 0);
  process.stderr.write(
    `${which}: ${failures.length} requests failed, the last after ${outageMs} ms; the longest took ${maxMs} ms\n`,
  );
  // What was under way on it is lost with it, and nobody waits for it for longer.
  expect(outageMs).toBeLessThan(patience(2000));
  expect(maxMs).toBeLessThan(patience(2000));
  await stage.atRest(30_000);
});

it('F26: a spoilt file never replaces what runs', async () => {
  await using traffic = await stage.startTraffic();
  const { worker } = await processes();
  for (const file of ['haproxy.cfg', 'hosts.map', 'modes.map']) {
    writeFileSync(join(dir(), file), 'spoilt {{{\n');
  }
  await askReload(join(dir(), MASTER_SOCKET)).catch(() => undefined);
  await traffic.served(100);
  expect(worker).toBeDefined();
  // What needs a new configuration writes good files again.
  const created = await stage.paas.owner.cli(['create', 'cat', '--no-remote']);
  expect(created.code, created.all).toBe(0);
  await eventually('the files are good', () =>
    readFileSync(join(dir(), 'haproxy.cfg'), 'utf8').includes('master-worker'),
  );
  await eventually('the new app is known', async () => (await stage.paas.http('cat')).status !== 404);
  await stage.atRest(30_000);
  const report = await traffic.stop();
  expect(report.failures).toEqual([]);
});

it('F26: a storm of reloads leaves at most three workers and loses nothing', async () => {
  await using traffic = await stage.startTraffic();
  let most = 0;
  for (let round = 0; round < 10; round += 1) {
    await stage.paas.owner.api('POST', '/apps', { name: `storm-${round}` });
    await stage.paas.owner.api('DELETE', `/apps/storm-${round}`);
    const { oldWorkers } = await processes();
    most = Math.max(most, 1 + oldWorkers.length);
  }
  process.stderr.write(`workers at most: ${most}\n`);
  await traffic.served(100);
  const report = await traffic.stop();
  expect(report.failures).toEqual([]);
  expect([...report.sockets.cuts, ...report.streams.cuts]).toEqual([]);
  await eventually('old workers end', async () => (await processes()).oldWorkers.length <= 2, 60_000);
  await stage.atRest(30_000);
});

it('F27: what a reload reads is what the worker had', async () => {
  await stage.paas.owner.cli(['ps:scale', 'web=2', '-a', 'bee']);
  await stage.atRest(60_000);
  const before = await tables();
  const { worker } = await processes();
  await askReload(join(dir(), MASTER_SOCKET));
  await eventually('a new worker', async () => {
    const now = (await processes()).worker;
    return now !== undefined && now !== worker;
  });
  const after = await tables();
  const ready = (each: typeof before) =>
    [...each.backends]
      .map(([name, servers]) => [
        name,
        servers
          .filter(({ state }) => state === 'ready')
          .map(({ ip, port }) => `${ip}:${port}`)
          .sort()
          .join(' '),
      ])
      // An app that is destroyed leaves an empty one in the worker, until the next reload.
      .filter(([, servers]) => servers !== '');
  expect(ready(after)).toEqual(ready(before));
  expect([...after.hosts]).toEqual([...before.hosts]);
  await stage.paas.owner.cli(['ps:scale', 'web=1', '-a', 'bee']);
  await stage.atRest(60_000);
});

it.skipIf(!existsSync(FAKETIME)).each(['+1h', '-1h', '+30d', '-30d'])(
  "F28: the daemon's clock jumps by %s",
  async (jump) => {
    const { paas } = stage;
    const before = await stage.dynoPids();
    await using traffic = await stage.startTraffic(SHORT_LOAD);
    await paas.stop('SIGTERM');
    wrapper.splice(0, wrapper.length, 'env', ...Object.entries(fakeTime(jump)).map((pair) => pair.join('=')));
    await paas.start();
    await traffic.served(60);
    await stage.atRest(30_000);
    expect(await stage.dynoPids()).toEqual(before);
    const asked = [
      ['ps:restart', 'web.1'],
      ['config:set', `JUMP=${jump}`],
    ];
    for (const args of asked) {
      const pid = (await stage.dynoPids())['ant web.1'];
      const done = await paas.owner.cli([...args, '-a', 'ant']);
      expect(done.code, done.all).toBe(0);
      await eventually(
        `${args[0]} is carried out`,
        async () => (await stage.dynoPids())['ant web.1'] !== pid,
        30_000,
      );
      await stage.atRest(60_000);
    }
    expect((await traffic.stop()).failures).toEqual([]);
  },
);
