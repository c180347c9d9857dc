import { expect, test } from 'vitest';
import { cpuSeconds } from '../../../src/engine/cgroup-cpu.js';

test.each([
  [1, '2500000000\n', 2.5],
  [2, 'usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n', 2.5],
  [1, 'rubbish', undefined],
  [2, '', undefined],
] as const)('reads cgroup v%d: %j', (version, text, seconds) => {
  expect(cpuSeconds(version, text)).toBe(seconds);
});
