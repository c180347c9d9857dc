import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { runUpkeep, type UpkeepDeps } from '../../../src/upkeep/upkeep.js';
import { openTestDatabase } from '../../support/test-database.js';

const FULL = {
  holds: 'data and engine',
  path: '/',
  totalBytes: 1000,
  freeBytes: 10,
  floorBytes: 100,
} as const;

it('looks at disks and layers on while a sweep of a low disk lasts', async () => {
  using test = openTestDatabase();
  const directory = mkdtempSync(join(tmpdir(), 'paas-upkeep-'));
  const stopping = new AbortController();
  const seen = { looks: 0, sweeps: 0, looksSince: 0 };
  let endSweep = () => {};
  const unreached = {} as Pick<UpkeepDeps, 'isBuilding' | 'say' | 'folders' | 'settings'>;
  const running = runUpkeep(
    {
      ...unreached,
      db: test.db,
      log: pino({ level: 'silent' }),
      engine: {
        // As long as an engine takes for images, and caches of many files.
        listContainers: () =>
          new Promise<never>((_resolve, reject) => {
            seen.sweeps += 1;
            endSweep = () => reject(new Error('stopped'));
          }),
      } as unknown as UpkeepDeps['engine'],
      space: {
        read: async () => [{ ...FULL, totalInodes: 0, freeInodes: 0 }],
        requireSpace: async () => undefined,
      },
      layers: {
        alarmBytes: 1,
        unreadable: 0,
        check: async () => {
          seen.looks += 1;
          if (seen.sweeps > 0) seen.looksSince += 1;
        },
      },
      paths: { ballast: join(directory, 'ballast'), backups: directory, ownLogs: directory },
      timing: { checkMs: 5, sampleMs: 1000, sweepDelayMs: 1, sweepMs: 3_600_000, backupMs: 3_600_000 },
      ballastBytes: 0,
      keptBackups: 1,
    },
    stopping.signal,
  );
  await vi.waitUntil(() => seen.looksSince >= 3, { timeout: 10_000 });
  expect(seen.sweeps).toBe(1);
  stopping.abort();
  endSweep();
  await running;
  rmSync(directory, { recursive: true });
});
