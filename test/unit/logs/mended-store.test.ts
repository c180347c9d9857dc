import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { listSetAside, MendedStore, type StoreDamage } from '../../../src/logs/mended-store.js';
import { encodeRun } from '../../../src/logs/runs.js';
import type { LogStore } from '../../../src/logs/store.js';

const NOW_US = Date.UTC(2026, 10, 21) * 1000;
let directory: string;
let path: string;
let damages: StoreDamage[];
let store: MendedStore;

const open = () =>
  new MendedStore({
    path,
    retention: { bytes: 10_000_000, days: 7 },
    onDamage: (damage) => damages.push(damage),
  });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-logs-'));
  path = join(directory, 'logs.sqlite');
  damages = [];
  store = open();
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
  vi.restoreAllMocks();
});

function write(it: LogStore, appId: string, seq: number): void {
  const lines = ['x'.repeat(30_000)];
  const run = {
    firstSeq: seq,
    timestampUs: 1,
    source: 'app',
    process: 'web.1',
    isSplit: false,
    lines,
  } as const;
  const payload = Buffer.from(encodeRun(run));
  const block = { appId, firstSeq: seq, lastSeq: seq, lastUs: NOW_US, lineCount: 1, payload };
  it.commit({ blocks: [block], progress: [], nextSeq: seq + 1 });
}
/** More than the cache holds. */
const fill = () => {
  for (let seq = 1; seq <= 300; seq += 1) store.use(NOW_US, (it) => write(it, `app-${seq % 3}`, seq));
};
const read = (appId: string) =>
  store.use(NOW_US, (it) => it.readLast({ appId, lines: 1000, filter: {} })).lineCount;
/** Overwrites the pages from `fromShare` of the file on. */
function damage(fromShare: number): void {
  const size = statSync(path).size;
  const from = Math.floor((size * fromShare) / 4096) * 4096;
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(Math.min(size - from, 4_000_000), 0xa5), 0, undefined, from);
  closeSync(file);
}

test.each([
  ['its head is', () => damage(0), []],
  ['it is no database', () => writeFileSync(path, 'lines'.repeat(1000)), []],
  ['its end is', () => damage(0.99), ['app-0', 'app-1', 'app-2']],
])('a new one begins when the file is damaged at the start: %s', (_, harm, appIds) => {
  fill();
  store.close();
  harm();
  store = open();
  expect(store.use(NOW_US, (it) => it.nextSeq())).toBe(NOW_US);
  store.use(NOW_US, (it) => write(it, 'app-1', NOW_US));
  expect(read('app-1')).toBe(1);
  expect(damages).toEqual([
    {
      reason: expect.stringContaining('SqliteError'),
      setAsideAs: `${path}.damaged-2026-11-21T00-00-00-000Z`,
      appIds,
    },
  ]);
  expect(listSetAside(path)).toEqual([damages[0]?.setAsideAs]);
  store.close();
  store = open();
  expect(read('app-1')).toBe(1);
  expect(damages).toHaveLength(1);
});

test('damage that shows while it runs gives way, too, and is told to whom it may concern', () => {
  fill();
  store.close();
  store = open();
  read('app-0');
  damage(0.5);
  const counts = () => ['app-0', 'app-1', 'app-2'].map(read);
  counts();
  expect(damages).toHaveLength(1);
  expect(damages[0]?.appIds).toEqual(['app-0', 'app-1', 'app-2']);
  expect(counts()).toEqual([0, 0, 0]);
  store.use(NOW_US, (it) => write(it, 'app-1', 500));
  expect(read('app-1')).toBe(1);
});

test('two damaged files are kept, the newest', () => {
  for (const minute of [1, 2, 3, 4]) {
    store.close();
    writeFileSync(path, 'lines'.repeat(1000));
    store = open();
    store.use(NOW_US + minute * 60e6, (it) => write(it, 'a', 1));
  }
  expect(listSetAside(path).map((each) => each.slice(-24))).toEqual([
    '2026-11-21T00-04-00-000Z',
    '2026-11-21T00-03-00-000Z',
  ]);
});

test('a disk that damages all of them is not given file after file', () => {
  fill();
  const times = vi.spyOn(performance, 'now').mockReturnValue(100_000);
  const harm = () => {
    store.close();
    damage(0);
  };
  harm();
  store.use(NOW_US, (it) => write(it, 'a', 1));
  harm();
  expect(() => store.use(NOW_US, (it) => write(it, 'a', 2))).toThrow(/not a database|malformed/);
  times.mockReturnValue(161_000);
  store.use(NOW_US + 1e6, (it) => write(it, 'a', 2));
  expect(readdirSync(directory).filter((name) => name.includes('damaged'))).not.toHaveLength(0);
  expect(damages).toHaveLength(2);
});

test('what is no damage is no reason to begin anew', () => {
  rmSync(directory, { recursive: true });
  expect(() => store.use(NOW_US, (it) => it.nextSeq())).toThrow();
  expect(damages).toEqual([]);
  writeFileSync(directory, '');
});
