import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

// Tests of processes and containers wait more than they compute: more files at a time than cores. Those of units share
// their modules, which keep nothing.

/** Faults whose limits are close to what is measured: they have the machine to themselves. */
const ALONE = ['engine-lies', 'soak'].map((name) => `test/faults/${name}.test.ts`);

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
          isolate: false,
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          globalSetup: ['test/support/build-dist.ts'],
          include: ['test/integration/**/*.test.ts'],
          sequence: { groupOrder: 1 },
          maxWorkers: 3,
          testTimeout: 240_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          globalSetup: ['test/support/build-dist.ts'],
          include: ['test/e2e/**/*.test.ts'],
          sequence: { groupOrder: 2 },
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'faults',
          globalSetup: ['test/support/build-dist.ts'],
          include: ['test/faults/**/*.test.ts'],
          exclude: ALONE,
          sequence: { groupOrder: 3 },
          // Promises as they are need a machine that does nothing else.
          maxWorkers: process.env['TEST_STRICT'] === '1' ? 1 : 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'faults-alone',
          globalSetup: ['test/support/build-dist.ts'],
          include: ALONE,
          sequence: { groupOrder: 4 },
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
