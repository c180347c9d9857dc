// F33, F25 and F2: many deploys and tails leave nothing behind; a crash loop is cheap; an engine that is away for long.

import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { keptLines } from '../support/log-accounting.js';
import { patience } from '../support/patience.js';
import { APPS, lossesOf, lostLines, openStage, type Stage } from '../support/stage.js';
import { FAULT_LOAD } from '../support/traffic.js';

const IS_LONG = process.env['FAULTS_ALL'] === 'yes';
const DEPLOYS = IS_LONG ? 30 : 4;
const TAILS = IS_LONG ? 200 : 40;
const AWAY_MS = IS_LONG ? 300_000 : 8000;
let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ settings: { PAAS_CRASH_COOL_OFF_SECONDS: '10' } });
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** What a leak would make grow. */
async function resources(): Promise<Record<string, number>> {
  const { paas, engine } = stage;
  const collector = Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'));
  const links = await engine.run(['ip', '-o', 'link']);
  return {
    daemonFds: readdirSync(`/proc/${paas.pid}/fd`).length,
    daemonMb: residentMb(paas.pid ?? 0),
    collectorFds: readdirSync(`/proc/${collector}/fd`).length,
    collectorMb: residentMb(collector),
    firewallRules: (await engine.run(['iptables', '-S'])).split('\n').length,
    interfaces: links.split('\n').length,
    mounts: readFileSync('/proc/self/mounts', 'utf8').split(engine.disk).length,
    shims: readdirSync('/proc').filter((pid) =>
      commandLine(pid).includes(`${engine.network.name}/exec/containerd`),
    ).length,
  };
}

it('F33: deploys and tails leave nothing behind', async () => {
  const { paas } = stage;
  const change = async (round: number) => {
    const changed = await paas.owner.api('PATCH', '/apps/ant/config-vars', { ROUND: String(round) });
    expect(changed.status).toBe(200);
    await stage.atRest(90_000);
  };
  // The first ones fill caches.
  for (const round of [-2, -1]) await change(round);
  await cutTails(20);
  const before = await resources();
  for (let round = 0; round < DEPLOYS; round += 1) await change(round);
  await cutTails(TAILS);
  let after = before;
  await eventually(
    'all that was open is closed',
    async () => {
      after = await resources();
      return ['daemonFds', 'collectorFds', 'firewallRules', 'interfaces', 'mounts', 'shims'].every(
        (name) => (after[name] ?? 0) <= (before[name] ?? 0) * 1.05 + 1,
      );
    },
    30_000,
  ).catch(() => expect(after).toEqual(before));
  process.stderr.write(
    `${DEPLOYS} deploys, ${TAILS} tails: ${JSON.stringify(before)} ${JSON.stringify(after)}\n`,
  );
  expect(after['daemonMb']).toBeLessThan((before['daemonMb'] ?? 0) * 1.05 + 30);
  expect(after['collectorMb']).toBeLessThan((before['collectorMb'] ?? 0) * 1.05 + 30);
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
  process.stderr.write(
    `crash loop: ${(share * 100).toFixed(1)} % of a core, ${(await tries()) - before} tries; ${shown}\n`,
  );
  expect(share).toBeLessThan(patience(0.05));
  await paas.owner.cli(['apps:destroy', '-a', 'crasher', '--confirm', 'crasher']);
  await loggers(1);
});

it('F2: an engine that is away for long: nothing is started twice, and the lines come afterwards', async () => {
  const before = await stage.dynoPids();
  const tails = stage.startTails();
  await using traffic = await stage.startTraffic(IS_LONG ? FAULT_LOAD : { ...FAULT_LOAD, longLived: false });
  await stage.engine.kill9();
  const until = performance.now() + AWAY_MS;
  await eventually('it was away', async () => performance.now() > until, AWAY_MS + 10_000);
  await traffic.served(50);
  await stage.engine.start();
  await stage.atRest(30_000);
  expect(await stage.dynoPids()).toEqual(before);
  const lines = await lostLines(tails);
  for (const tail of tails) await tail[Symbol.asyncDispose]();
  expect(lossesOf(await traffic.stop())).toEqual([]);
  expect(lines).toEqual([]);
});

/** Opens live tails and cuts each after its first bytes. */
async function cutTails(count: number): Promise<void> {
  const { owner, url } = stage.paas;
  const session = await owner.api('POST', '/apps/ant/log-sessions', { tail: true, lines: 5 });
  const { logplex_url: address } = session.body as { logplex_url: string };
  await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<void>((resolve, reject) => {
          const get = request(new URL(address, url));
          get.once('response', (response) => {
            response.once('error', () => undefined);
            response.once('data', () => {
              get.destroy();
              resolve();
            });
          });
          get.once('error', reject);
          get.end();
        }),
    ),
  );
}

function residentMb(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}

/** Processor time of a process since its start. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
