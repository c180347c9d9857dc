import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { LogLine } from '../../src/logs/line.js';
import { type CollectorProcess, type LogsFixture, openLogsFixture, until } from '../support/log-collector.js';

let fixture: LogsFixture;
let collector: CollectorProcess;

beforeAll(async () => {
  fixture = await openLogsFixture();
  collector = await fixture.startCollector();
});
afterEach(async () => {
  await collector.kill('SIGTERM');
  collector = await fixture.startCollector();
});
afterAll(async () => {
  await fixture?.close();
});

const appTexts = (lines: readonly LogLine[]) =>
  lines.filter((line) => line.source === 'app').map((line) => line.text);

const numbers = (to: number) => Array.from({ length: to }, (_, index) => String(index + 1));

const kept = async (appId: string) => await fixture.client.read({ appId, lines: 1_000_000 });

async function start(appId: string, script: string) {
  const container = await fixture.create(script);
  await fixture.client.attach({ containerId: container.id, appId, process: 'web.1', tty: false });
  await container.start();
  return container;
}

function follow(appId: string) {
  const ending = new AbortController();
  const lines: LogLine[] = [];
  const reading = (async () => {
    for await (const event of fixture.client.tail({ appId, lines: 1000, signal: ending.signal }))
      if (event.kind === 'line') lines.push(event.line);
  })();
  return {
    lines,
    stop: async () => {
      ending.abort();
      await reading;
    },
  };
}

/** Prints numbers until it is told to end; then `end N`. */
const counting = (pause: string) =>
  `trap 'stop=1' TERM; n=0; while [ -z "$stop" ]; do n=$((n+1)); echo $n; ${pause}; done; echo end $n`;

/** Where it goes on after SIGUSR1. */
const GATE = `while [ -z "$go" ]; do usleep 20000; done`;
const ON_SIGNAL = `trap 'go=1' USR1`;

test('kill -9 while apps write: the gap is filled, nothing comes twice, tails go on', async () => {
  const apps = await Promise.all(
    ['usleep 1000', 'usleep 5000', 'usleep 30000'].map(async (pause) => {
      const appId = randomUUID();
      const container = await start(appId, counting(pause));
      return { appId, container, tail: follow(appId) };
    }),
  );
  for (let round = 0; round < 3; round += 1) {
    const before = apps.map(({ tail }) => tail.lines.length);
    await until('all apps write', () =>
      apps.every(({ tail }, index) => tail.lines.length > (before[index] ?? 0) + 20),
    );
    await collector.kill('SIGKILL');
    await new Promise((done) => setTimeout(done, 400));
    collector = await fixture.startCollector();
  }
  for (const { container } of apps) await container.kill({ signal: 'SIGTERM' });
  for (const { appId, tail } of apps) {
    const end = await until('end', () => tail.lines.find((line) => line.text.startsWith('end '))?.text);
    const printed = [...numbers(Number(end.slice('end '.length))), end];
    expect(appTexts(await kept(appId))).toEqual(printed);
    expect(appTexts(tail.lines)).toEqual(printed);
    expect(tail.lines.filter((line) => line.source === 'heroku')).toEqual([]);
    await tail.stop();
  }
});

test('an app that repeats itself keeps its number of lines', async () => {
  const appId = randomUUID();
  const container = await start(appId, 'for i in $(seq 1 200); do echo tick; usleep 20000; done; echo end');
  await until('some', async () => (await kept(appId)).length > 15);
  await collector.kill('SIGKILL');
  await new Promise((done) => setTimeout(done, 300));
  collector = await fixture.startCollector();
  await container.wait();
  const lines = await until('end', async () => {
    const lines = await kept(appId);
    return lines.at(-1)?.text === 'end' && lines;
  });
  // On a machine so busy that each line came late, the place is not certain, and the log says so.
  const isTold = lines.some((line) => line.text.includes('too fast to tell them apart'));
  const ticks = appTexts(lines).filter((text) => text === 'tick').length;
  if (isTold) expect(Math.abs(ticks - 200)).toBeLessThan(5);
  else expect(ticks).toBe(200);
  if (isTold || ticks !== 200) console.log({ ticks, isTold });
});

test('output of a container that ended while no collector ran is read afterwards', async () => {
  const appId = randomUUID();
  const container = await start(appId, `${ON_SIGNAL}; echo 1; echo 2; ${GATE}; echo 3; echo 4 >&2`);
  await until('first lines', async () => (await kept(appId)).length === 2);
  await collector.kill('SIGKILL');
  await container.kill({ signal: 'SIGUSR1' });
  await container.wait();
  collector = await fixture.startCollector();
  const lines = await until('rest', async () => {
    const lines = await kept(appId);
    return lines.length >= 4 && lines;
  });
  expect(appTexts(lines).sort()).toEqual(['1', '2', '3', '4']);
});

test('a dyno that nobody attached is found by its labels', async () => {
  const appId = randomUUID();
  await collector.kill('SIGKILL');
  const container = await fixture.create('for i in $(seq 1 100); do echo $i; usleep 10000; done', {
    'paas.role': 'dyno',
    'paas.app': appId,
    'paas.type': 'worker',
    'paas.number': '2',
  });
  await container.start();
  collector = await fixture.startCollector();
  await container.wait();
  const lines = await until('all', async () => {
    const lines = await kept(appId);
    return lines.length >= 100 && lines;
  });
  expect(appTexts(lines)).toEqual(numbers(100));
  expect(lines[0]?.process).toBe('worker.2');
});

test('a container that vanished unread is told as missing', async () => {
  const appId = randomUUID();
  const container = await start(appId, 'echo 1; sleep 60');
  await until('first line', async () => (await kept(appId)).length === 1);
  await collector.kill('SIGKILL');
  await container.remove({ force: true });
  collector = await fixture.startCollector();
  const lines = await until('notice', async () => {
    const lines = await kept(appId);
    return lines.length > 1 && lines;
  });
  expect(lines[1]?.process).toBe('logplex');
  expect(lines[1]?.text).toContain('an unknown number of messages of web.1 is missing');
});

test('an app does not stop while no collector runs, not even in a flood', async () => {
  const appId = randomUUID();
  const container = await start(appId, `${ON_SIGNAL}; echo ready; ${GATE}; seq 1 400000`);
  await until('it waits', async () => (await kept(appId)).length > 0);
  await collector.kill('SIGKILL');
  await container.kill({ signal: 'SIGUSR1' });
  // One that is held up by a full pipe never ends.
  const started = Date.now();
  await container.wait();
  expect(Date.now() - started).toBeLessThan(60_000);
  collector = await fixture.startCollector();
  await until('last line', async () => {
    const [newest] = await fixture.client.read({ appId, lines: 1, source: 'app' });
    return newest?.text === '400000';
  });
  const lines = await kept(appId);
  const texts = appTexts(lines);
  expect(new Set(texts).size).toBe(texts.length);
  expect(lines.some((line) => line.text.includes('an unknown number of messages of web.1 is missing'))).toBe(
    true,
  );
});

test('written lines wait for a collector that is away', async () => {
  const appId = randomUUID();
  await collector.kill('SIGKILL');
  for (let line = 1; line <= 12_000; line += 1)
    fixture.client.write([{ appId, source: 'app', process: 'api', text: String(line) }]);
  collector = await fixture.startCollector();
  await fixture.client.flush();
  const lines = await until('notice', async () => {
    const lines = await kept(appId);
    return lines.some((line) => line.process === 'logplex') && lines;
  });
  const delivered = appTexts(lines).length;
  const notice = lines.find((line) => line.process === 'logplex')?.text ?? '';
  expect(delivered + Number(/: (\d+) messages dropped/.exec(notice)?.[1])).toBe(12_000);
});

test('a second collector on the same data directory refuses', async () => {
  const second = await fixture.startCollector();
  await until('second one ends', async () => {
    await second.kill('SIGKILL');
    return true;
  });
  expect((await fixture.client.health()).pid).toBe(collector.pid);
});

test('keeps the newest lines within the size limit', async () => {
  const appId = randomUUID();
  await collector.kill('SIGTERM');
  collector = await fixture.startCollector({ retention: { bytes: 1_000_000, days: 7 } });
  await start(appId, 'seq 1 1000000');
  await until(
    'last line',
    async () => (await fixture.client.read({ appId, lines: 1 }))[0]?.text === '1000000',
  );
  const lines = await kept(appId);
  expect(lines.length).toBeLessThan(200_000);
  expect(lines.length).toBeGreaterThan(50_000);
  expect(lines.at(0)?.text).toBe(String(1_000_001 - lines.length));
});

test('a rate limit drops and counts', async () => {
  const appId = randomUUID();
  await collector.kill('SIGTERM');
  collector = await fixture.startCollector({ limits: { linesPerSecond: 1000 } });
  const startedAt = performance.now();
  const container = await start(appId, 'seq 1 100000');
  await container.wait();
  const total = async () => {
    const lines = await kept(appId);
    const dropped = lines
      .filter((line) => line.process === 'logplex')
      .reduce((sum, line) => sum + Number(/: (\d+) messages of web.1 dropped/.exec(line.text)?.[1] ?? 0), 0);
    return appTexts(lines).length + dropped;
  };
  await until('all counted', async () => (await total()) === 100_000);
  const tookSeconds = (performance.now() - startedAt) / 1000;
  expect(appTexts(await kept(appId)).length).toBeLessThan(5000 + 1000 * tookSeconds);
});

test('a clock that is far ahead at the start deletes nothing', async () => {
  const appId = randomUUID();
  fixture.client.write([{ appId, source: 'app', process: 'web.1', text: 'worth keeping' }]);
  await fixture.client.flush();
  await collector.kill('SIGTERM');
  // Not by the command of that name: it is a parent that ends first.
  const library = 'LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1';
  const wrapper = ['/usr/bin/env', library, 'FAKETIME=+30d', 'FAKETIME_DONT_FAKE_MONOTONIC=1'];
  collector = await fixture.startCollector({}, wrapper);
  expect(appTexts(await kept(appId))).toEqual(['worth keeping']);
});
