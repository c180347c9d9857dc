// F34, F8, F25: promises that are close to what is measured: how soon dynos are replaced when containers vanish, hang or stop,
// also without events, and what a crash loop costs. Nothing else runs beside it. One stage for all: each test leaves it at
// rest.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProxy, openEngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/house.js';
import { keptLines } from '../support/log-accounting.js';
import { expectWithin, patience } from '../support/patience.js';
import { APPS, openStage, type Stage } from '../support/stage.js';
import { FAULT_LOAD } from '../support/traffic.js';

/** Without streams, which would make each replaced dyno wait for its drain time. */
const SHORT_LOAD = { ...FAULT_LOAD, longLived: false };
let stage: Stage;
let proxy: EngineProxy;

beforeAll(async () => {
  stage = await openStage({
    // A dyno that is stopped from outside looks like a bad release.
    settings: { PAAS_CRASH_COOL_OFF_SECONDS: '10', PAAS_ROLLBACK_WINDOW_SECONDS: '0' },
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

it('F25: an app that ends at once takes less than 5 % of a core, and says when it is tried again', async () => {
  const { paas, engine } = stage;
  // Their lines alone take more than that.
  const loggers = async (quantity: number) => {
    for (const app of APPS) await paas.owner.cli(['ps:scale', `logger=${quantity}`, '-a', app]);
    await stage.atRest(60_000);
  };
  await loggers(0);
  await paas.owner.cli(['create', 'crasher', '--no-remote']);
  const repository = await paas.owner.repository('crasher', {
    files: { Dockerfile: 'FROM paas-stack-run:13\nCMD ["false"]\n', Procfile: 'web: false\n' },
  });
  const pushing = repository.startPush();
  const shown = await eventually('it waits', async () => {
    const { stdout } = await paas.owner.cli(['ps', '-a', 'crasher']);
    return /crashed/.test(stdout) && /next (?:try|start)/i.test(stdout) && stdout;
  });
  await pushing.ended;
  const collector = Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'));
  const containerd = Number(readFileSync(join(engine.disk, '../exec/containerd/containerd.pid'), 'utf8'));
  const used = () =>
    [paas.pid, collector, engine.pid, containerd].reduce<number>((sum, pid) => sum + cpuSeconds(pid ?? 0), 0);
  // At least one more try falls into it.
  const tries = async () =>
    (await keptLines(paas.owner, 'crasher')).filter((line) => /starting/.test(line)).length;
  const before = await tries();
  const [startedAt, startedWith] = [performance.now(), used()];
  await eventually(
    'another try',
    async () => {
      await sleep(1000);
      return performance.now() - startedAt > 12_000;
    },
    60_000,
  );
  const share = (used() - startedWith) / ((performance.now() - startedAt) / 1000);
  process.stderr.write(`crash loop: ${(await tries()) - before} tries; ${shown}\n`);
  expectWithin('F25: paasd, collector and engine in a crash loop', share * 100, 5, '% of a core');
  await paas.owner.cli(['apps:destroy', '-a', 'crasher', '--confirm', 'crasher']);
  await loggers(1);
});

/** Processor time of a process since its start. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
