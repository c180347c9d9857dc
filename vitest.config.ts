import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

// Tests of processes and containers wait more than they compute: more files at a time than cores, of all those suites
// together (decision 0214). Those of units share their modules, which keep nothing.

/** Faults whose limits are close to what is measured: they have the machine to themselves. */
const ALONE = 'test/faults/alone.test.ts';
const NEMESIS = 'test/faults/nemesis.test.ts';

/** Promises as they are need a machine that does nothing else. */
const FILES_AT_A_TIME = process.env['TEST_STRICT'] === '1' ? 1 : 3;

/** Tests of whole processes, containers and engines. Vitest wants one `maxWorkers` for projects that run side by side. */
function ofProcesses(name: string, include: readonly string[], exclude: readonly string[] = []) {
  return {
    test: {
      name,
      globalSetup: ['test/support/build-dist.ts'],
      include: [...include],
      exclude: [...exclude],
      sequence: { groupOrder: 1 },
      maxWorkers: FILES_AT_A_TIME,
      testTimeout: 300_000,
      hookTimeout: 300_000,
    },
  };
}

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
      ofProcesses('integration', ['test/integration/**/*.test.ts']),
      ofProcesses('e2e', ['test/e2e/**/*.test.ts']),
      ofProcesses('faults', ['test/faults/**/*.test.ts'], [ALONE, NEMESIS]),
      ofProcesses('nemesis', [NEMESIS]),
      {
        test: {
          name: 'faults-alone',
          globalSetup: ['test/support/build-dist.ts'],
          include: [ALONE],
          sequence: { groupOrder: 2 },
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
