import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TailEvent } from '../../src/logs/client.js';
import type { LogLine } from '../../src/logs/line.js';
import { type CollectorProcess, type LogsFixture, openLogsFixture, until } from '../support/log-collector.js';

let fixture: LogsFixture;
let collector: CollectorProcess;

beforeAll(async () => {
  fixture = await openLogsFixture();
  collector = await fixture.startCollector();
});
afterAll(async () => {
  await fixture?.close();
});

interface Following {
  readonly lines: LogLine[];
  readonly dropped: { count: number };
  readonly idle: { count: number };
  readonly stop: () => Promise<void>;
}

function follow(
  appId: string,
  options: { lines?: number; afterSeq?: number; process?: string; onBatch?: () => Promise<void> } = {},
): Following {
  const ending = new AbortController();
  const { onBatch, ...query } = options;
  const lines: LogLine[] = [];
  const dropped = { count: 0 };
  const idle = { count: 0 };
  const take = (event: TailEvent) => {
    if (event.kind === 'line') lines.push(event.line);
    if (event.kind === 'idle') idle.count += 1;
    if (event.kind === 'dropped') dropped.count += event.count;
  };
  const reading = (async () => {
    for await (const batch of fixture.client.tailBatches({ appId, ...query, signal: ending.signal })) {
      for (const event of batch) take(event);
      await onBatch?.();
    }
  })();
  return {
    lines,
    dropped,
    idle,
    stop: async () => {
      ending.abort();
      await reading;
    },
  };
}

async function runContainer(appId: string, script: string, process = 'web.1') {
  const container = await fixture.create(script);
  await fixture.client.attach({ containerId: container.id, appId, process, tty: false });
  await container.start();
  return container;
}

function appTexts(lines: readonly LogLine[]): string[] {
  return lines.filter((line) => line.source === 'app').map((line) => line.text);
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
}

const all = (appId: string) => fixture.client.read({ appId, lines: 10_000_000 });

describe('collecting', () => {
  test('attach before start misses nothing, from the first to the unfinished last line', async () => {
    const appId = randomUUID();
    const container = await runContainer(appId, 'echo first; seq 2 2000; printf last');
    await container.wait();
    const lines = await until('last line', async () => {
      const lines = await all(appId);
      return lines.at(-1)?.text === 'last' && lines;
    });
    expect(lines.map((line) => line.text)).toEqual(['first', ...numbers(2, 2000), 'last']);
    expect(lines.every((line) => line.process === 'web.1' && line.source === 'app')).toBe(true);
    expect(lines.every((line, index) => index === 0 || line.seq > (lines[index - 1]?.seq ?? 0))).toBe(true);
  });

  test('a tail gets what is stored and then what comes, without gap or repeat', async () => {
    const appId = randomUUID();
    const tails: Following[] = [];
    const container = await runContainer(
      appId,
      `trap 'stop=1' TERM; n=0; while [ -z "$stop" ]; do n=$((n+1)); echo $n; usleep 3000; done; echo end`,
    );
    await until('some lines', async () => (await all(appId)).length > 50);
    for (let count = 0; count < 5; count += 1) {
      const before = (await all(appId)).length;
      tails.push(follow(appId, { lines: 1000 }));
      await until('more lines', async () => (await all(appId)).length > before + 20);
    }
    await container.kill({ signal: 'SIGTERM' });
    await until('end', () => tails.every((tail) => tail.lines.at(-1)?.text === 'end'));
    const printed = await all(appId);
    expect(appTexts(printed)).toEqual([...numbers(1, printed.length - 1), 'end']);
    for (const tail of tails) {
      // Each began with as many older lines as it asked for.
      const from = tail.lines[0]?.seq ?? 0;
      expect(tail.lines).toEqual(printed.filter(({ seq }) => seq >= from));
      expect(from === printed[0]?.seq || tail.lines.length > 1000).toBe(true);
      await tail.stop();
    }
  });

  test('a tail resumes after the given number', async () => {
    const appId = randomUUID();
    const container = await runContainer(appId, 'seq 1 1000');
    await container.wait();
    const lines = await until('all', async () => {
      const lines = await all(appId);
      return lines.length === 1000 && lines;
    });
    const tail = follow(appId, { afterSeq: lines[499]?.seq ?? 0 });
    await until('rest', () => tail.lines.length >= 500);
    expect(appTexts(tail.lines)).toEqual(numbers(501, 1000));
    await tail.stop();
    const future = follow(appId, { afterSeq: 2 ** 52 });
    await until('tail is live', () => future.idle.count > 0);
    fixture.client.write([{ appId, source: 'app', process: 'api', text: 'now' }]);
    await until('new line', () => future.lines.length > 0);
    expect(future.lines.map((line) => line.text)).toEqual(['now']);
    await future.stop();
  });

  test('filters by source and process; platform lines are split and cleaned', async () => {
    const appId = randomUUID();
    fixture.client.write([
      { appId, source: 'app', process: 'api', text: 'Release v3\ncreated\r\n' },
      { appId, source: 'heroku', process: 'web.1', text: 'State changed' },
      { appId, source: 'app', process: 'worker.1', text: 'a\0b' },
    ]);
    await fixture.client.flush();
    const texts = async (filter: object) =>
      (await fixture.client.read({ appId, lines: 10, ...filter })).map((line) => line.text);
    expect(await texts({})).toEqual(['Release v3', 'created', 'State changed', 'a\u2400b']);
    expect(await texts({ source: 'heroku' })).toEqual(['State changed']);
    expect(await texts({ process: 'worker' })).toEqual(['a\u2400b']);
    expect(await texts({ process: 'web.2' })).toEqual([]);
    expect(await texts({ lines: 2 })).toEqual(['State changed', 'a\u2400b']);
  });

  test('forgets an app', async () => {
    const appId = randomUUID();
    fixture.client.write([{ appId, source: 'app', process: 'api', text: 'secret' }]);
    await fixture.client.flush();
    expect(await all(appId)).toHaveLength(1);
    await fixture.client.forgetApp(appId);
    expect(await all(appId)).toEqual([]);
  });
});

describe('floods', () => {
  test('1,000,000 lines: every consumer got or counted each one', async () => {
    const appId = randomUUID();
    const quietApp = randomUUID();
    const tail = follow(appId);
    const filtered = follow(appId, { process: 'web' });
    const slow = follow(appId, { onBatch: () => new Promise((done) => setTimeout(done, 50)) });
    const quiet = follow(quietApp);
    await runContainer(quietApp, 'for i in $(seq 1 100); do echo $i; usleep 20000; done');
    const container = await runContainer(appId, 'seq 1 1000000; echo end');
    await container.wait();
    const kept = await until(
      'stored',
      async () => {
        const last = await fixture.client.read({ appId, lines: 1, source: 'app' });
        return (
          last[0]?.text === 'end' && (await fixture.client.read({ appId, lines: 2_000_000, source: 'app' }))
        );
      },
      60_000,
    );
    expect(kept).toHaveLength(1_000_001);
    expect(kept.every((line, index) => index === 1_000_000 || line.text === String(index + 1))).toBe(true);
    for (const one of [tail, filtered, slow]) {
      await until('counted', () => one.lines.length + one.dropped.count >= 1_000_001, 60_000);
      expect(appTexts(one.lines).length + one.dropped.count).toBe(1_000_001);
      await one.stop();
    }
    await until('quiet app', () => quiet.lines.length === 100);
    expect(appTexts(quiet.lines)).toEqual(numbers(1, 100));
    await quiet.stop();
    expect(rssMb(collector.pid)).toBeLessThan(400);
  });

  test('a tail that stands still loses lines and is told how many', async () => {
    const appId = randomUUID();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((done) => {
      release = done;
    });
    const slow = follow(appId, { onBatch: () => gate });
    const fast = follow(appId);
    const container = await runContainer(appId, 'seq 1 2000000');
    await container.wait();
    await until('fast one', () => fast.lines.length + fast.dropped.count >= 2_000_000, 60_000);
    release();
    await until('slow one', () => slow.lines.length + slow.dropped.count >= 2_000_000, 60_000);
    expect(slow.dropped.count).toBeGreaterThan(0);
    expect(slow.lines.length + slow.dropped.count).toBe(2_000_000);
    await slow.stop();
    await fast.stop();
  });

  test('100 MB without a line end is split, flagged, and takes no memory', async () => {
    const appId = randomUUID();
    const before = rssMb(collector.pid);
    const container = await runContainer(
      appId,
      'yes 0123456789 | tr -d "\\n" | head -c 100000000; echo; echo after',
    );
    await container.wait();
    await until(
      'end',
      async () => (await fixture.client.read({ appId, lines: 1, source: 'app' }))[0]?.text === 'after',
      60_000,
    );
    expect(rssMb(collector.pid)).toBeLessThan(before + 150);
    const lines = await fixture.client.read({ appId, lines: 20_000, source: 'app' });
    expect(lines).toHaveLength(10_001);
    expect(lines.slice(0, 9_999).every((line) => line.isSplit && line.text.length === 10_000)).toBe(true);
    expect(lines[9_999]?.isSplit).toBeUndefined();
    await until('notice', async () => {
      const notices = await fixture.client.read({ appId, lines: 5, source: 'heroku' });
      return notices.some((line) => line.text.includes('1 lines of web.1 over 10000 bytes were split'));
    });
  });

  test('binary output stays on clean lines', async () => {
    const appId = randomUUID();
    const script = `head -c 3000000 /dev/urandom; echo; printf 'a\\r\\n\\nevent: admin\\ndata: {}\\n\\377\\000x\\rz\\n'; echo end`;
    const container = await runContainer(appId, script);
    await container.wait();
    const lines = await until('end', async () => {
      const lines = await all(appId);
      return lines.at(-1)?.text === 'end' && lines;
    });
    const unclean = lines.filter(
      (line) => /[\r\n\0]/.test(line.text) || Buffer.byteLength(line.text) > 30_000,
    );
    expect(unclean).toEqual([]);
    expect(lines.slice(-6).map((line) => line.text)).toEqual([
      'a',
      '',
      'event: admin',
      'data: {}',
      '\ufffd\u2400x\u240dz',
      'end',
    ]);
  });
});

function rssMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

test('the socket is ours alone', () => {
  expect(statSync(fixture.socketPath).mode & 0o777).toBe(0o600);
});
