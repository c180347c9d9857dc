import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeRuns, encodeRun, runLines } from '../../../src/logs/runs.js';
import { LogStore, type StoredBlock } from '../../../src/logs/store.js';

let directory: string;
let store: LogStore;
const open = (bytes = 1_000_000) =>
  new LogStore({ path: join(directory, 'logs.sqlite'), retention: { bytes, days: 7 } });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-logs-'));
  store = open();
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

function block(appId: string, firstSeq: number, lines: string[], process = 'web.1', us = 1_000): StoredBlock {
  const run = { firstSeq, timestampUs: us, source: 'app', process, isSplit: false, lines } as const;
  const payload = Buffer.from(encodeRun(run));
  return {
    appId,
    firstSeq,
    lastSeq: firstSeq + lines.length - 1,
    lastUs: us,
    lineCount: lines.length,
    payload,
  };
}
const commit = (blocks: StoredBlock[], nextSeq = 1000) => store.commit({ blocks, progress: [], nextSeq });
const texts = (runs: string) => decodeRuns(runs).flatMap((run) => runLines(run).map((line) => line.text));

test('reads the newest lines of one app, back to any number', () => {
  commit([block('a', 1, ['1', '2', '3']), block('b', 4, ['x']), block('a', 5, ['4', '5'])]);
  const read = (lines: number, beforeSeq?: number) =>
    texts(
      store.readLast({ appId: 'a', lines, filter: {}, ...(beforeSeq !== undefined && { beforeSeq }) }).runs,
    );
  expect(read(10)).toEqual(['1', '2', '3', '4', '5']);
  expect(read(3)).toEqual(['3', '4', '5']);
  expect(read(2, 5)).toEqual(['2', '3']);
  expect(read(0)).toEqual([]);
});

test('numbers the lines of an app without gaps, also when old ones are gone', () => {
  store.close();
  store = open(600);
  commit([block('a', 1, ['x'.repeat(200), 'y'])]);
  commit([block('a', 10, ['x'.repeat(200)]), block('b', 11, ['z'])]);
  commit([block('a', 20, ['x'.repeat(200)])]);
  const blocks = store.readAfter({ appId: 'a', afterSeq: 0, maxBytes: 1_000_000 });
  expect(blocks.map((one) => [one.firstSeq, one.firstLine, one.lineCount])).toEqual([[20, 4, 1]]);
  expect(store.readAfter({ appId: 'b', afterSeq: 0, maxBytes: 1 })).toHaveLength(1);
});

test('keeps numbers and progress over a restart', () => {
  const stream = { count: 3, recent: [1, 2, 3], lastUs: 5 };
  const known = {
    containerId: 'c',
    appId: 'a',
    process: 'web.1',
    tty: false,
    isFromStart: true,
    hasEnded: false,
  };
  store.commit({ blocks: [], progress: [{ ...known, stdout: stream, stderr: stream }], nextSeq: 77 });
  store.close();
  store = open();
  expect(store.nextSeq()).toBe(77);
  expect(store.listProgress()).toEqual([{ ...known, stdout: stream, stderr: stream }]);
  store.forgetContainers(['c']);
  expect(store.listProgress()).toEqual([]);
});

test('forgets an app, and only that', () => {
  commit([block('a', 1, ['1']), block('b', 2, ['2'])]);
  store.forgetApp('a');
  expect(store.readLast({ appId: 'a', lines: 9, filter: {} }).runs).toBe('');
  expect(texts(store.readLast({ appId: 'b', lines: 9, filter: {} }).runs)).toEqual(['2']);
});

test('drops what is too old', () => {
  const dayUs = 86_400_000_000;
  commit([block('a', 1, ['old'], 'web.1', dayUs), block('a', 2, ['new'], 'web.1', 9 * dayUs)]);
  store.dropOld(undefined);
  expect(texts(store.readLast({ appId: 'a', lines: 9, filter: {} }).runs)).toEqual(['old', 'new']);
  store.dropOld(10 * dayUs);
  expect(texts(store.readLast({ appId: 'a', lines: 9, filter: {} }).runs)).toEqual(['new']);
});

test('gives the space of a destroyed app back to the disk, a part with each commit', () => {
  store.close();
  store = open(200_000_000);
  const lines = Array.from({ length: 1000 }, (_, index) => `${index}`.padEnd(1000, 'x'));
  for (let round = 0; round < 40; round += 1) commit([block('big', 1 + round * 1000, lines)], 50_000);
  commit([block('small', 90_000, ['kept'])], 90_001);
  const size = () => statSync(join(directory, 'logs.sqlite')).size;
  store.close();
  expect(size()).toBeGreaterThan(40_000_000);
  store = open(200_000_000);
  store.forgetApp('big');
  for (let seq = 90_001; seq < 90_030; seq += 1) commit([block('small', seq, ['kept'])], seq + 1);
  expect(texts(store.readLast({ appId: 'small', lines: 99, filter: {} }).runs)).toHaveLength(30);
  store.close();
  expect(size()).toBeLessThan(10_000_000);
  store = open();
});

test('a search for rare lines goes on page by page', () => {
  store.close();
  store = open(10_000_000);
  const noise = 'x'.repeat(400_000);
  commit([block('a', 1, ['rare'], 'worker.1'), ...[2, 3, 4, 5].map((seq) => block('a', seq, [noise]))]);
  const filter = { process: 'worker' };
  const first = store.readLast({ appId: 'a', lines: 5, filter });
  expect(first.lineCount).toBe(0);
  expect(first.uptoSeq).toBe(5);
  const next = store.readLast({ appId: 'a', lines: 5, filter, beforeSeq: first.nextBeforeSeq ?? 0 });
  expect(texts(next.runs)).toEqual(['rare']);
});

test('lines that could not be stored leave no trace in its books: later ones are kept', () => {
  store.close();
  store = open(2000);
  commit([block('a', 1, ['before'])]);
  const other = new Database(join(directory, 'logs.sqlite'));
  other.exec(
    "create trigger full before insert on sequence begin select raise(abort, 'database or disk is full'); end",
  );
  for (let seq = 10; seq < 20; seq += 1) {
    expect(() => commit([block('a', seq, ['x'.repeat(500)])])).toThrow('disk is full');
  }
  other.exec('drop trigger full');
  other.close();
  commit([block('a', 20, ['after'])]);
  expect(texts(store.readLast({ appId: 'a', lines: 10, filter: {} }).runs)).toEqual(['before', 'after']);
  const blocks = store.readAfter({ appId: 'a', afterSeq: 0, maxBytes: 1_000_000 });
  expect(blocks.map((one) => one.firstLine)).toEqual([1, 2]);
});
