// F33 and F2: many releases, tails and calls leave nothing behind; an engine that is away for long. FAULTS_ALL=yes takes the counts of the fault matrix; FAULTS_MINUTES=M goes on for so long instead.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { countNotices, startTail, untoldBreaches } from '../support/log-accounting.js';
import { openSoaking } from '../support/soaking.js';
import { lossesOf, lostLines, openStage, type Stage } from '../support/stage.js';
import { FAULT_LOAD } from '../support/traffic.js';

const IS_LONG = process.env['FAULTS_ALL'] === 'yes';
const MINUTES = Number(process.env['FAULTS_MINUTES'] ?? 0);
const RELEASES = IS_LONG ? 500 : 8;
/** Apps that are released to side by side. */
const SOAKED = IS_LONG ? 4 : 2;
const SOAK_LIMIT_MS = IS_LONG ? Math.max(30, 2 * MINUTES) * 60_000 : 180_000;
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

it(
  'F33: releases, tails and calls leave nothing behind',
  async () => {
    await using soaking = await openSoaking(stage.paas, stage.engine, SOAKED);
    const { done } = soaking;
    const rounds = async (isOver: () => boolean) => {
      const soak = async (index: number) => {
        do await soaking.round(index);
        while (!isOver());
      };
      await Promise.all(Array.from({ length: SOAKED }, (_, index) => soak(index)));
      await stage.atRest(90_000);
    };
    // The first ones fill caches.
    await rounds(() => done.releases >= 3 * SOAKED);
    const before = await resources();
    const [warm, startedAt] = [{ ...done }, performance.now()];
    const until = startedAt + MINUTES * 60_000;
    const isEnough = () => done.releases - warm.releases > RELEASES - SOAKED;
    await rounds(() => (MINUTES > 0 ? performance.now() > until : isEnough()));
    const seconds = Math.round((performance.now() - startedAt) / 1000);
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
    const counts = `${done.releases - warm.releases} releases, ${done.tails - warm.tails} tails, ${done.calls - warm.calls} calls`;
    process.stderr.write(`${counts} in ${seconds} s: ${JSON.stringify(before)} ${JSON.stringify(after)}\n`);
    expect(after['daemonMb']).toBeLessThan((before['daemonMb'] ?? 0) * 1.05 + 30);
    expect(after['collectorMb']).toBeLessThan((before['collectorMb'] ?? 0) * 1.05 + 30);
  },
  SOAK_LIMIT_MS,
);

it('F2: an engine that is away for long: nothing is started twice, and the lines come afterwards', async () => {
  const { paas, engine } = stage;
  // A chatty one: 1 KB each ms. The engine reads it, so it stands still meanwhile; that is told.
  expect((await paas.owner.cli(['config:set', 'TICKS=1000', 'FILL=1000', '-a', 'bee'])).code).toBe(0);
  await stage.atRest(60_000);
  const before = await stage.dynoPids();
  const [quiet, chatty] = await Promise.all([startTail(paas.owner, 'ant'), startTail(paas.owner, 'bee')]);
  await eventually('it prints', () => chatty.lines.length > 1000, 60_000);
  await using traffic = await stage.startTraffic(IS_LONG ? FAULT_LOAD : { ...FAULT_LOAD, longLived: false });
  await engine.kill9();
  const until = performance.now() + AWAY_MS;
  const { body } = await paas.owner.api('GET', '/doctor');
  expect(body).toContainEqual(
    expect.objectContaining({ check: 'engine', status: 'fail', hint: expect.stringMatching(/prints waits/) }),
  );
  await eventually('it was away', async () => performance.now() > until, AWAY_MS + 10_000);
  await traffic.served(50);
  const there = chatty.lines.length;
  await engine.start();
  await stage.atRest(30_000);
  expect(await stage.dynoPids()).toEqual(before);
  const lines = await lostLines([quiet]);
  await eventually('the chatty one goes on', () => chatty.lines.length > there + 5000, 60_000);
  for (const tail of [quiet, chatty]) await tail[Symbol.asyncDispose]();
  expect(lossesOf(await traffic.stop())).toEqual([]);
  expect(lines).toEqual([]);
  // So much at once may be more than a reader takes: then it is counted.
  expect(untoldBreaches(chatty.lines)).toEqual([]);
  process.stderr.write(
    `chatty: ${chatty.lines.length} lines, ${JSON.stringify(countNotices(chatty.lines))}\n`,
  );
});

function residentMb(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
