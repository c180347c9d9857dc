// The apps outlive their logs: a damaged file of kept lines makes way for a new one, and a collector that cannot be had
// at all keeps no app from running. The lines of an app go with it.

import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { keptLines } from '../support/log-accounting.js';
import { type Paas, startPaas } from '../support/paas.js';

const APP = 'talkative';
let paas: Paas;
const logFile = () => join(paas.dataDir, 'logs.sqlite');
const log = async () => (await keptLines(paas.owner, APP).catch(() => [])).join('\n');
beforeAll(async () => {
  paas = await startPaas();
  await paas.owner.cli(['create', APP, '--no-remote']);
  const pushed = await (await paas.owner.repository(APP, { fixture: 'talker' })).push();
  expect(pushed.code, pushed.all).toBe(0);
  await paas.answers(APP, 'word=none');
});

afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
});

it('a damaged file is set aside, which the app and the operator read; the app runs', async () => {
  await paas.cutPower();
  const filter = `label=paas.instance=${paas.instance}`;
  await paas.docker([
    'kill',
    ...(await paas.docker(['ps', '-q', '--filter', filter])).split('\n').filter(Boolean),
  ]);
  for (const suffix of ['', '-wal', '-shm']) rmSync(logFile() + suffix, { force: true });
  writeFileSync(logFile(), 'no lines '.repeat(10_000));
  await paas.start();
  await paas.answers(APP, 'word=none');
  const text = await eventually('the app is told', async () => {
    const now = await log();
    return now.includes('the lines kept so far are lost') && now.includes('heroku[router]') && now;
  });
  expect(text).toContain('heroku[logplex]: Error L13 (Local delivery error)');
  const doctor = await paas.owner.cli(['doctor']);
  expect(doctor.stdout).toMatch(
    /warn {2}log lines: their file was damaged; it was set aside as .*logs\.sqlite\.damaged-/,
  );
});

it('apps run while no collector can be had, and have their logs when it can', async () => {
  await paas.cutPower();
  for (const suffix of ['', '-wal', '-shm']) rmSync(logFile() + suffix, { force: true });
  mkdirSync(logFile());
  await paas.start();
  await paas.answers(APP, 'word=none');
  const scaled = await paas.owner.cli(['ps:scale', 'web=2', '-a', APP]);
  expect(scaled.code, scaled.all).toBe(0);
  expect((await paas.owner.cli(['ps:wait', '-a', APP])).code).toBe(0);
  expect(paas.daemonLog()).toContain('the log collector does not start: trying again');
  // It has nobody to bring lines to, and ends all the same.
  expect(await paas.stop()).toBe(0);
  rmdirSync(logFile());
  await paas.start();
  await paas.answers(APP, 'word=none');
  // What was printed meanwhile is in the engine's own file.
  await eventually('the lines of meanwhile', async () => /app\[web\.2\]/.test(await log()));
});

it('the lines of a destroyed app go, though the collector was away then and the daemon died before it was back', async () => {
  const { body } = await paas.owner.api('GET', `/apps/${APP}`);
  const { id } = body as { id: string };
  const keptBlocks = () => count('logs.sqlite', 'select count(*) from blocks where app_id = ?', id);
  const leftToDo = () => count('paas.sqlite', 'select count(*) from forgotten_apps where app_id = ?', id);
  const collector = Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'));
  process.kill(collector, 'SIGSTOP');
  const destroyed = await paas.owner.cli(['apps:destroy', '-a', APP, '--confirm', APP]);
  expect(destroyed.code, destroyed.all).toBe(0);
  await paas.cutPower();
  expect(keptBlocks()).toBeGreaterThan(0);
  expect(leftToDo()).toBe(1);
  await paas.start();
  await eventually('they are gone', () => keptBlocks() === 0);
  await eventually('its dynos, too, and nothing is left to do', () => leftToDo() === 0, 60_000);
  expect(keptBlocks()).toBe(0);
});

function count(file: string, sql: string, id: string): number {
  const db = new Sqlite(join(paas.dataDir, file), { readonly: true });
  try {
    return db.prepare(sql).pluck().get(id) as number;
  } finally {
    db.close();
  }
}
