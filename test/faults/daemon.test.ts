// F21, F32, F5, F36, F13: what happens to paasd and its parts is no business of the apps.

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import {
  type Account,
  accountLines,
  breachesOf,
  countNotices,
  keptLines,
} from '../support/log-accounting.js';
import { startProgram } from '../support/paas.js';
import { expectWithin, patience } from '../support/patience.js';
import { slowDisk } from '../support/slow-disk.js';
import { APPS, lossesOf, lostLines, openStage, type Stage } from '../support/stage.js';
import { FAULT_LOAD } from '../support/traffic.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const NEXT = join(PROJECT, `dist-next-${process.pid}`);
let stage: Stage;
/** What `paas.start` starts. */
let main = join(PROJECT, 'dist/daemon/main.js');

beforeAll(async () => {
  stage = await openStage({ paas: () => ({ program: () => [main] }) });
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  rmSync(NEXT, { recursive: true, force: true });
});

it('F21: a locked database makes writers wait 5 s and then tells them; a second daemon does not start', async () => {
  const { paas } = stage;
  await using traffic = await stage.startTraffic({ ...FAULT_LOAD, longLived: false });
  const locker = new Database(join(paas.dataDir, 'paas.sqlite'));
  locker.exec('BEGIN EXCLUSIVE');
  const startedAt = performance.now();
  const refused = await paas.owner.api('PATCH', '/apps/ant/config-vars', { LOCKED: 'yes' });
  expect(refused).toMatchObject({ status: 503, body: { id: 'service_unavailable' } });
  expect(performance.now() - startedAt).toBeLessThan(patience(12_000));
  await traffic.served(100);
  locker.exec('ROLLBACK');
  locker.close();
  const vars = await paas.owner.api('GET', '/apps/ant/config-vars');
  expect(vars.body).not.toHaveProperty('LOCKED');
  const changed = await paas.owner.api('PATCH', '/apps/ant/config-vars', { LOCKED: 'no' });
  expect(changed.status).toBe(200);

  const env = Object.fromEntries(
    readFileSync(`/proc/${paas.pid}/environ`, 'utf8')
      .split('\0')
      .filter(Boolean)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
  const [program, ...args] = stage.engine.network.inside([process.execPath, main]);
  const second = await startProgram(program, args, { env }).ended;
  expect(second.code).toBe(1);
  expect(second.all).toMatch(/another process \(pid \d+\) serves/);
  await stage.atRest(60_000);
  expect((await traffic.stop()).failures).toEqual([]);
});

it('F32: SIGTERM in the middle of a deploy ends it in 10 s, and the next start goes on', async () => {
  const { paas } = stage;
  const tails = await stage.startTails();
  await using traffic = await stage.startTraffic({ ...FAULT_LOAD, longLived: false });
  const changed = await paas.owner.api('PATCH', '/apps/ant/config-vars', { ROUND: '1' });
  expect(changed.status).toBe(200);
  const bee = (await stage.dynoPids())['bee web.1'];
  const startedAt = performance.now();
  expect(await paas.stop('SIGTERM')).toBe(0);
  expectWithin('F32: SIGTERM to the end of paasd', performance.now() - startedAt, 10_000);
  await traffic.served(50);
  await paas.start();
  await stage.atRest(60_000);
  expect((await stage.dynoPids())['bee web.1']).toBe(bee);
  for (const tail of tails) await tail[Symbol.asyncDispose]();
  expect((await traffic.stop()).failures).toEqual([]);
});

it('F5: a newer daemon whose containers look different restarts none', async () => {
  const { paas } = stage;
  cpSync(join(PROJECT, 'dist'), NEXT, { recursive: true });
  const path = join(NEXT, 'engine/docker-options.js');
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('Labels: {');
  writeFileSync(path, text.replace('Labels: {', "Hostname: 'next', Labels: { 'paas.next': 'yes',"));
  const before = await stage.dynoPids();
  const collector = () => Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'));
  const oldCollector = collector();
  const tails = await stage.startTails();
  await using traffic = await stage.startTraffic();
  await paas.stop();
  main = join(NEXT, 'daemon/main.js');
  await paas.start();
  await stage.atRest(30_000);
  // The loop looks at least every 5 s.
  await traffic.served(400);
  expect(await stage.dynoPids()).toEqual(before);
  // The log collector is of the newer daemon, too, and no line was lost on the way.
  expect(collector()).not.toBe(oldCollector);
  expect(await lostLines(tails)).toEqual([]);
  for (const tail of tails) await tail[Symbol.asyncDispose]();
  expect(lossesOf(await traffic.stop())).toEqual([]);
  await paas.owner.cli(['ps:restart', 'web.1', '-a', 'ant']);
  await eventually(
    'a new dyno is of the new kind',
    async () => (await stage.containers('paas.next=yes')).length === 1,
  );
  await stage.atRest(60_000);
});

it('F13: a killed log collector blocks no app, and its gap is filled', async () => {
  const { paas } = stage;
  const pid = Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'));
  await using traffic = await stage.startTraffic();
  await traffic.served(50);
  const before = await lastTicks();
  process.kill(pid, 'SIGKILL');
  await eventually('another collector', () => {
    const now = Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'));
    return now !== pid && now > 0;
  });
  const then = await eventually('lines of after it', async () => {
    const now = await lastTicks();
    return APPS.every((app) => (now[app] ?? 0) > (before[app] ?? 0)) && now;
  });
  for (const app of APPS) {
    // From before the kill until well after what the new collector found when it came.
    const lines = await eventually(`the log of ${app} goes on`, async () => {
      const kept = await keptLines(paas.owner, app);
      return (tickOf(kept)?.printed ?? 0) > (then[app] ?? 0) + 100 && kept;
    });
    const account = tickOf(lines);
    expect((account?.printed ?? 0) - (account?.delivered ?? 0) + 1).toBeLessThanOrEqual(before[app] ?? 0);
    expect(breachesOf(accountLines(lines)), countNotices(lines).toString()).toEqual([]);
    const pauseMs = longestPauseMs(lines);
    process.stderr.write(`${app}: longest time between two lines ${pauseMs} ms\n`);
    expect(pauseMs).toBeLessThan(patience(1000));
  }
  const report = await traffic.stop();
  process.stderr.write(`the longest request took ${report.maxMs} ms\n`);
  expect(report.maxMs).toBeLessThan(patience(1000));
  expect(lossesOf(report)).toEqual([]);
});

it('F36: a slow disk makes it slow, and no more; that its event loop is held up is told', async () => {
  const { paas } = stage;
  await using traffic = await stage.startTraffic();
  const slow = await slowDisk(paas.pid ?? 0, 500);
  const startedAt = performance.now();
  for (const round of ['1', '2']) {
    const changed = await paas.owner.api('PATCH', '/apps/bee/config-vars', { SLOW: round });
    expect(changed.status).toBe(200);
  }
  const took = performance.now() - startedAt;
  expect(took).toBeGreaterThan(900);
  expect(took).toBeLessThan(20_000);
  await slow.stop();
  const { body } = await paas.owner.api('GET', '/doctor');
  expect(body).toContainEqual(
    expect.objectContaining({ check: 'event loop', status: 'warn', detail: expect.stringMatching(/ late,/) }),
  );
  expect(paas.daemonLog()).toMatch(/the event loop was held up for/);
  expect((await traffic.stop()).failures).toEqual([]);
  await stage.atRest(60_000);
});

/** The number of the newest kept line of each app's logger. */
async function lastTicks(): Promise<Record<string, number>> {
  const told = APPS.map(async (app) => {
    const kept = await keptLines(stage.paas.owner, app);
    return [app, tickOf(kept)?.printed ?? 0] as const;
  });
  return Object.fromEntries(await Promise.all(told));
}

function tickOf(lines: readonly string[]): Account | undefined {
  return accountLines(lines).at(-1);
}

/** How long the logger was silent at most; it prints a hundred lines a second. */
function longestPauseMs(lines: readonly string[]): number {
  const times = lines
    .filter((line) => / tick \w+ \d+$/.test(line))
    .map((line) => Date.parse(line.split(' ', 1)[0] ?? ''));
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)));
}
