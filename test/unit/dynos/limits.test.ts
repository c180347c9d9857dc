import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { tellCrash } from '../../../src/dynos/crash.js';
import { crashDelayMs, describeDelay, nextTryAt } from '../../../src/dynos/crash-backoff.js';
import { insist } from '../../../src/dynos/insist.js';
import { judgeMemory, type MemoryState, watchMemory } from '../../../src/dynos/memory-watch.js';
import { memoryCause } from '../../../src/dynos/out-of-memory.js';
import { endedWithServer } from '../../../src/dynos/seen-ends.js';
import { createMemoryReader, workingSet } from '../../../src/engine/cgroup-memory.js';
import { PaasError } from '../../../src/errors.js';
import { createApp } from '../../../src/platform/apps.js';
import { listCrashes } from '../../../src/platform/dyno-wishes.js';
import { listIncidents } from '../../../src/platform/incidents.js';
import { cpuSharesOf } from '../../../src/platform/sizes.js';
import { addAccount, addApp, openTestDatabase } from '../../support/test-database.js';

const MB = 1024 * 1024;

describe('a wait in words', () => {
  it.each([
    [500, '1 second'],
    [40_000, '40 seconds'],
    [90_000, '90 seconds'],
    [1_200_000, '20 minutes'],
    [19_200_000, '320 minutes'],
  ])('%i ms', (ms, text) => {
    expect(describeDelay(ms)).toBe(text);
  });

  it('doubles from the cool-off', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map((count) => crashDelayMs(count, 20))).toEqual([
      0, 20, 40, 80, 160, 320, 320,
    ]);
  });
});

describe('the next try', () => {
  const minute = 60_000;
  it.each([
    ['crashed', 20 * minute, 2, 20 * minute],
    ['boot-timeout', 20 * minute, 3, 40 * minute],
    ['check-failed', 20 * minute, 1, 0],
    ['check-failed', 20 * minute, 2, 10_000],
    ['check-failed', 20 * minute, 9, 160_000],
    ['could-not-start', 20 * minute, 2, 10_000],
    ['check-failed', 1000, 2, 1000],
  ] as const)('%s, cool-off %i ms, %i in a row', (kind, coolOffMs, count, waitMs) => {
    expect(nextTryAt({ kind, count, lastAt: 5 }, { coolOffMs, nowMs: 6 })).toBe(5 + waitMs);
  });

  it('does not wait for a time that is to come, when the clock was set back', () => {
    const crashes = { kind: 'crashed', count: 4, lastAt: 30 * 24 * 60 * minute } as const;
    expect(nextTryAt(crashes, { coolOffMs: 20 * minute, nowMs: 1000 })).toBe(1000);
  });
});

describe('the memory limit and the end of a container', () => {
  const at = 100_000;
  it.each([
    ['no event, no flag', { oomKilled: false, exitCode: 137, finishedAt: at }, undefined, undefined],
    ['main killed', { oomKilled: true, exitCode: 137, finishedAt: at }, at, 'main'],
    ['main killed, event lost', { oomKilled: true, exitCode: 137, finishedAt: at }, undefined, 'main'],
    ['child killed, main ends by itself', { oomKilled: true, exitCode: 3, finishedAt: at }, at - 50, 'child'],
    ['a child killed long ago', { oomKilled: true, exitCode: 3, finishedAt: at }, at - 60_000, undefined],
    ['a child killed, main ends well', { oomKilled: true, exitCode: 0, finishedAt: at }, at, undefined],
    ['event only', { oomKilled: false, exitCode: 137, finishedAt: at }, at, 'main'],
  ])('%s', (_, end, lastOomAt, cause) => {
    expect(memoryCause(end, lastOomAt)).toBe(cause);
  });
});

describe('R14', () => {
  function run(shares: readonly number[], everyMs: number): string[][] {
    let state: MemoryState | undefined;
    return shares.map((share, index) => {
      const judged = judgeMemory(state, {
        usedBytes: share * 100 * MB,
        limitBytes: 100 * MB,
        nowMs: index * everyMs,
      });
      state = judged.state;
      return [...judged.lines];
    });
  }

  it('is said when two samples in a row are over, and again after a minute', () => {
    const said = run([0.99, 0.998, 0.99, 0.99, 0.99, 0.99], 20_000);
    expect(said.map((lines) => lines.length)).toEqual([0, 2, 0, 0, 2, 0]);
    expect(said[1]).toEqual(['Process running mem=100M(99.8%)', 'Error R14 (Memory quota exceeded)']);
  });

  it('is not said of a peak, or below', () => {
    expect(run([0.99, 0.5, 0.99, 0.9, 0.94], 20_000).flat()).toEqual([]);
  });

  it('is said again when the clock was set back', () => {
    expect(run([0.99, 0.99, 0.99], -20 * 24 * 60 * 60_000).map((lines) => lines.length)).toEqual([0, 2, 2]);
  });
});

describe('the working set', () => {
  it.each([
    [1, '1000\n', 'cache 1\ninactive_file 5\ntotal_inactive_file 300\n', 700],
    [2, '1000\n', 'anon 1\ninactive_file 300\nactive_file 2\n', 700],
    [2, '100\n', 'inactive_file 300\n', 0],
    [1, '1000\n', 'inactive_file 300\n', undefined],
    [2, '', 'inactive_file 300\n', undefined],
  ] as const)('cgroup v%i of %j', (version, usage, stat, bytes) => {
    expect(workingSet(version, usage, stat)).toBe(bytes);
  });
});

describe('the memory reader', () => {
  it('leaves cache out where that matters, and finds out where the engine keeps its groups', () => {
    const root = mkdtempSync(join(tmpdir(), 'paas-groups-'));
    try {
      mkdirSync(join(root, 'a'));
      writeFileSync(join(root, 'a/memory.current'), '1000\n');
      writeFileSync(join(root, 'a/memory.stat'), 'inactive_file 300\n');
      const read = createMemoryReader([
        { directory: () => join(root, 'elsewhere'), version: 1 },
        { directory: (id) => join(root, id), version: 2 },
      ]);
      expect([read('a', 900), read('a', 1000), read('a', 1001), read('b', 900)]).toEqual([
        700,
        700,
        1000,
        undefined,
      ]);
      writeFileSync(join(root, 'a/memory.current'), '');
      expect(read('a', 900)).toBeUndefined();
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe('CPU shares', () => {
  it.each([
    [64, 128],
    [512, 1024],
    [1024, 2048],
    [2560, 5120],
    [65_536, 16_384],
  ])('%i MB', (megabytes, shares) => {
    expect(cpuSharesOf(megabytes * MB)).toBe(shares);
  });
});

describe('a call to an engine that is away', () => {
  it('is repeated until it answers; other errors are thrown', async () => {
    let calls = 0;
    const away = new PaasError('service_unavailable', 'away');
    const result = await insist(async () => {
      calls += 1;
      if (calls < 2) throw away;
      return 'done';
    }, new AbortController().signal);
    expect([result, calls]).toEqual(['done', 2]);
    const gone = new PaasError('not_found', 'gone');
    await expect(insist(() => Promise.reject(gone), new AbortController().signal)).rejects.toBe(gone);
  });

  it('ends with the signal', async () => {
    const stopped = new AbortController();
    const away = () => Promise.reject(new PaasError('service_unavailable', 'away'));
    const ended = insist(away, stopped.signal);
    stopped.abort();
    await expect(ended).rejects.toThrow();
  });
});

describe('a crash', () => {
  it('is counted and said once for each container', async () => {
    const test = openTestDatabase();
    const app = createApp(test.db, { name: 'crasher', owner: await addAccount(test.db) });
    const said: string[] = [];
    const dynoLog = {
      platform: (_: string, process: string, text: string) => void said.push(`${process} ${text}`),
      attach: async () => undefined,
    };
    const deps = { db: test.db, dynoLog, log: pino({ level: 'silent' }), settings: { coolOffMs: 1_200_000 } };
    const crash = (containerId: string, isCurrent = true) =>
      tellCrash(
        deps,
        {
          appId: app.id,
          type: 'web',
          number: 1,
          releaseVersion: 2,
          containerId,
          isCurrent,
          kind: 'crashed',
          reason: 'x',
        },
        ['ended'],
      );
    expect([crash('one'), crash('one'), crash('two'), crash('two')]).toEqual([
      'counted',
      'known',
      'counted',
      'known',
    ]);
    expect(said).toEqual([
      'web.1 ended',
      'web.1 ended',
      'web.1 Crashed 2 times in a row: next try in 20 minutes',
    ]);
    expect(listCrashes(test.db, app.id)).toMatchObject([{ count: 2, releaseVersion: 2 }]);
    expect(listIncidents(test.db, app.id)).toHaveLength(2);
    crash('old', false);
    expect(listCrashes(test.db, app.id)).toMatchObject([{ count: 2 }]);
    test.db.sql.pragma('query_only = 1');
    expect([crash('four'), said.at(-1)]).toEqual(['uncounted', 'web.1 ended']);
  });
});

describe('the watch of memory', () => {
  it('goes on when what it saw cannot be kept', async () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    test.db.sql.pragma('query_only = 1');
    const said: string[] = [];
    const stopped = new AbortController();
    let samples = 0;
    const container = {
      containerId: 'one',
      appId: app.id,
      type: 'web',
      number: 1,
      releaseVersion: 2,
      memoryBytes: 100,
      restarts: 0,
      createdAt: 0,
      isRunning: true,
      phase: 'up' as const,
      ip: undefined,
    };
    const watched = watchMemory(
      {
        db: test.db,
        dynoLog: { platform: (_, __, text) => void said.push(text), attach: async () => undefined },
        log: pino({ level: 'silent' }),
        allContainers: () => [container],
        readMemory: () => {
          samples += 1;
          if (samples === 4) stopped.abort();
          return 99;
        },
        intervalMs: 1,
      },
      stopped.signal,
    );
    await expect(watched).resolves.toBeUndefined();
    expect([samples, said.at(-1)]).toEqual([4, 'Error R14 (Memory quota exceeded)']);
  });
});

describe('an end with the server', () => {
  it.each([
    [255, false, true],
    [255, true, false],
    [137, false, false],
    [0, false, false],
  ])('exit status %i, told when it happened: %s', (exitCode, wasSeen, withServer) => {
    expect(endedWithServer({ exitCode }, wasSeen)).toBe(withServer);
  });
});
