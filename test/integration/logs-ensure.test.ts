import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CollectorStall } from '../../src/daemon/collector-stall-watch.js';
import { ensureCollector } from '../../src/daemon/ensure-collector.js';
import { readHealth } from '../../src/logs/client.js';
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

const health = async () => {
  const told = await fixture.client.health();
  pids.add(told.pid);
  return told;
};
const pid = async () => (await health()).pid;

/** As a daemon does that wants a collector with the stamp `wanted`, and whose program tells `told`. */
const ensure = (wanted: string, told = wanted, more: Partial<Parameters<typeof ensureCollector>[0]> = {}) =>
  ensureCollector({
    ...more,
    dataDir: fixture.dataDir,
    command: [...fixture.command, JSON.stringify({ stamp: told })],
    env: process.env,
    stamp: wanted,
    log: pino({ level: 'silent' }),
  });

test('starts a collector, restarts a dead one, and leaves it running', async () => {
  const first = await ensure('one');
  const firstPid = await pid();
  process.kill(firstPid, 'SIGKILL');
  const secondPid = await until('another one', async () => {
    const now = await pid().catch(() => firstPid);
    return now !== firstPid && now;
  });
  await first[Symbol.asyncDispose]();
  await using _again = await ensure('one');
  expect(await pid()).toBe(secondPid);
});

test('replaces one of other code or settings, and no line is lost or comes twice', async () => {
  await (await ensure('old'))[Symbol.asyncDispose]();
  const appId = randomUUID();
  const script = `trap 'stop=1' TERM; n=0; while [ -z "$stop" ]; do n=$((n+1)); echo $n; usleep 2000; done; echo end $n`;
  const container = await fixture.create(script);
  await fixture.client.attach({ containerId: container.id, appId, process: 'web.1', tty: false });
  await container.start();
  const kept = async () => await fixture.client.read({ appId, lines: 1_000_000 });
  for (const stamp of ['new', 'newer', 'newest']) {
    const before = (await kept()).length;
    await until('the app writes', async () => (await kept()).length > before + 50);
    const beforePid = await pid();
    await using _ = await ensure(stamp);
    const after = await health();
    expect(after).toMatchObject({ stamp });
    expect(after.pid).not.toBe(beforePid);
  }
  await container.kill({ signal: 'SIGTERM' });
  const lines = await until('end', async () => {
    const now = await kept();
    return now.at(-1)?.text.startsWith('end ') && now;
  });
  const end = lines.at(-1)?.text ?? '';
  const numbers = Array.from({ length: Number(end.slice('end '.length)) }, (_, index) => String(index + 1));
  expect(lines.map(({ text }) => text)).toEqual([...numbers, end]);
});

test('replaces one that says something else at each start once, and no more', async () => {
  await (await ensure('old'))[Symbol.asyncDispose]();
  const before = await pid();
  await using _first = await ensure('wanted', 'other');
  const after = await pid();
  expect(after).not.toBe(before);
  process.kill(after, 'SIGKILL');
  const last = await until('another one', async () => {
    const now = await pid().catch(() => after);
    return now !== after && now;
  });
  // Two looks of the watch.
  await new Promise((done) => setTimeout(done, 2500));
  expect(await pid()).toBe(last);
});

test('a collector that does not come up is told, and tried again', async () => {
  const said = new PassThrough().setEncoding('utf8');
  const options = { dataDir: `${fixture.dataDir}/other`, env: process.env, log: pino(said) };
  await using _watch = await ensureCollector({ ...options, stamp: 'one', command: ['/bin/false'] });
  let text = '';
  said.on('data', (chunk: string) => {
    text += chunk;
  });
  await until('two tries', () => text.split('the log collector ended with 1').length > 3);
});

test('ends a collector that stands still, so that an app which prints all the time goes on; no line is lost', async () => {
  const appId = randomUUID();
  const stalls: CollectorStall[] = [];
  const onStall = (stall: CollectorStall) => void stalls.push(stall);
  await using _kept = await ensure('stalls', 'stalls', { onStall, stallMs: 2000 });
  const stalled = await pid();
  // A number and 1 KB, about each ms.
  const filler = 'x'.repeat(1024);
  const container = await fixture.create(
    `trap 'stop=1' TERM; n=0; while [ -z "$stop" ]; do n=$((n+1)); echo $n; echo ${filler}; usleep 500; done; echo end $n`,
  );
  await fixture.client.attach({ containerId: container.id, appId, process: 'web.1', tty: false });
  await container.start();
  const kept = async () => await fixture.client.read({ appId, lines: 1_000_000 });
  await until('it prints', async () => (await kept()).length > 100);
  process.kill(stalled, 'SIGSTOP');
  await expect(readHealth(fixture.socketPath, AbortSignal.timeout(500))).rejects.toThrow(/stands still/);
  await until('another one', async () => (await pid().catch(() => stalled)) !== stalled, 30_000);
  expect(stalls).toEqual([{ pid: stalled, stoodMs: expect.any(Number) }]);
  const there = (await kept()).length;
  await until('it goes on', async () => (await kept()).length > there + 500);
  await container.kill({ signal: 'SIGTERM' });
  const lines = await until('the end', async () => {
    const found = await kept();
    return found.at(-1)?.text.startsWith('end ') && found;
  });
  const numbers = lines.map(({ text }) => text).filter((text) => /^\d+$/.test(text));
  const printed = Number(lines.at(-1)?.text.slice('end '.length));
  process.stderr.write(`stood still for ${stalls[0]?.stoodMs} ms, ${printed} lines of 1 KB\n`);
  expect(numbers).toEqual(Array.from({ length: printed }, (_, index) => String(index + 1)));
  expect(lines.filter(({ source }) => source === 'heroku')).toEqual([]);
}, 120_000);
