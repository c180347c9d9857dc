import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { failedStep, outOfMemory } from '../../../src/engine/out-of-memory.js';
import { limitFiles, watchSteps } from '../../../src/engine/step-limits.js';

it.each([
  [
    'executor failed running [/bin/sh -c npm run  build]: exit code: 137',
    { step: 'RUN npm run build', wasKilled: true },
  ],
  [
    'failed to solve: process "/bin/sh -c make -j8" did not complete successfully: exit code: 2',
    { step: 'RUN make -j8', wasKilled: false },
  ],
  ['executor failed running [/bin/app x]: exit code: 1', { step: '/bin/app x', wasKilled: false }],
  ['failed to solve: no such image', undefined],
])('the step in %s', (text, expected) => {
  expect(failedStep(text)).toEqual(expected);
});

it.each([
  [2 * 1024 ** 3, 'Out of memory at step RUN make, limit 2 GB.'],
  [300 * 1024 ** 2, 'Out of memory at step RUN make, limit 300 MB.'],
])('a limit of %d bytes is told', (limitBytes, text) => {
  expect(outOfMemory({ step: 'RUN make', limitBytes }).message).toBe(text);
});

const LIMITS = { memoryBytes: 1024, cpus: 1.5, pids: 10 };

it.each([
  [1 as const, 'docker', 'memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n'],
  [2 as const, 'system.slice', 'memory.events', 'low 0\noom 1\noom_kill 1\n'],
])(
  'version %d of control groups: a step is bounded when it appears, and its kills are counted',
  async (version, parent, events, text) => {
    const root = mkdtempSync(join(tmpdir(), 'paas-groups-'));
    try {
      const path = (controller: string, file: string) =>
        join(root, controller, parent, 'buildkit/step1', file);
      const watch = watchSteps(LIMITS, { root, ownerOf: () => ({ isOurs: true, command: 'make' }) });
      for (const { controller, file } of limitFiles(version, LIMITS)) {
        mkdirSync(dirname(path(controller, file)), { recursive: true });
        writeFileSync(path(controller, file), '');
      }
      const [controller, file] = version === 1 ? ['cpu', 'cpu.shares'] : ['', 'cpu.weight'];
      const weight = join(root, controller, parent, 'buildkit', file);
      writeFileSync(weight, '');
      const memory = version === 1 ? 'memory' : '';
      writeFileSync(path(memory, events), text);
      await vi.waitFor(() =>
        expect(readFileSync(path(memory, limitFiles(version, LIMITS)[0]?.file ?? ''), 'utf8')).toBe('1024'),
      );
      for (const { controller, file, value } of limitFiles(version, LIMITS)) {
        expect(readFileSync(path(controller, file), 'utf8')).toBe(value);
      }
      // The group of all steps, too.
      expect(readFileSync(weight, 'utf8')).toBe(version === 1 ? '64' : '3');
      await vi.waitFor(() => expect(watch.stop()).toEqual({ outOfMemory: ['make'] }));
    } finally {
      rmSync(root, { recursive: true });
    }
  },
);
