// A store that cannot write for a while: what it did not take is counted in the log, exactly, and once.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { createLogger } from '../../../src/log.js';
import { Journal } from '../../../src/logs/journal.js';
import { decodeRuns, runLines } from '../../../src/logs/runs.js';
import { LogStore } from '../../../src/logs/store.js';
import { UnstoredLines } from '../../../src/logs/unstored.js';

it('the notice in the log has the count of all lines, however often it was lost itself', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'paas-logs-'));
  const path = join(directory, 'logs.sqlite');
  const store = new LogStore({ path, retention: { bytes: 1_000_000, days: 7 } });
  const disk = new Database(path);
  const end = new AbortController();
  let nowUs = 0;
  const append = (text: string) =>
    journal.append({
      ...{ appId: 'a', source: 'app', process: 'web.1', timestampUs: 1, isSplit: false },
      lines: [text],
    });
  const journal: Journal = new Journal({
    store: { commit: async (batch) => store.commit(batch) },
    firstSeq: 1,
    limits: { flushMs: 1, blockBytes: 1000, queueBytes: 1_000_000 },
    log: createLogger({ level: 'silent', isTty: false, name: 'test' }),
    onUnstored: (block) => unstored.add(block),
  });
  const unstored: UnstoredLines = new UnstoredLines({
    journal,
    nowUs: () => {
      nowUs += 1;
      return nowUs;
    },
    delayMs: 5,
    publish: (_appId, count, sinceUs) => append(`${count} since ${sinceUs}`),
    signal: end.signal,
  });
  const kept = () =>
    decodeRuns(store.readLast({ appId: 'a', lines: 100, filter: {} }).runs)
      .flatMap(runLines)
      .map(({ text }) => text);
  try {
    append('before');
    await journal.flush();
    // Another program writes: the disk takes numbers, but no lines.
    disk.exec("create trigger full before insert on blocks begin select raise(abort, 'full'); end");
    for (let count = 0; count < 100; count += 1) {
      append(`lost ${count}`);
      if (count % 10 === 0) await sleep(10);
    }
    await journal.flush();
    disk.exec('drop trigger full');
    const deadline = performance.now() + 10_000;
    while (kept().length < 2 && performance.now() < deadline) await sleep(5);
    await journal.flush();
    expect(kept()).toEqual(['before', '100 since 1']);
    expect(journal.counts.unstored + journal.counts.stored).toBe(journal.counts.lines);
  } finally {
    end.abort();
    disk.close();
    store.close();
    rmSync(directory, { recursive: true });
  }
});
