import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureCollector } from '../../src/daemon/ensure-collector.js';
import { type LogsFixture, openLogsFixture, until } from '../support/log-collector.js';

let fixture: LogsFixture;
const pids = new Set<number>();

beforeAll(async () => {
  fixture = await openLogsFixture();
});
afterAll(async () => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  await fixture?.close();
});

const pid = async () => {
  const health = await fixture.client.health();
  pids.add(health.pid);
  return health.pid;
};

test('starts a collector, restarts a dead one, and leaves it running', async () => {
  const options = {
    dataDir: fixture.dataDir,
    command: fixture.command,
    env: process.env,
    log: pino({ level: 'silent' }),
  };
  const first = await ensureCollector(options);
  const firstPid = await pid();
  process.kill(firstPid, 'SIGKILL');
  const secondPid = await until('another one', async () => {
    const now = await pid().catch(() => firstPid);
    return now !== firstPid && now;
  });
  await first[Symbol.asyncDispose]();
  await using _again = await ensureCollector(options);
  expect(await pid()).toBe(secondPid);
});

test('says why a collector does not come up', async () => {
  const options = { dataDir: `${fixture.dataDir}/other`, env: process.env, log: pino({ level: 'silent' }) };
  await expect(ensureCollector({ ...options, command: ['/bin/false'] })).rejects.toThrow(/ended with 1/);
});
