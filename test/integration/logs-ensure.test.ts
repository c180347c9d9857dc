import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
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

const health = async () => {
  const told = await fixture.client.health();
  pids.add(told.pid);
  return told;
};
const pid = async () => (await health()).pid;

/** As a daemon does that wants a collector with the stamp `wanted`, and whose program tells `told`. */
const ensure = (wanted: string, told = wanted) =>
  ensureCollector({
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
