import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBuildCpu, type GroupLayout } from '../../../src/engine/build-cpu.js';
import { STARVATION_TIMES } from '../../../src/engine/starvation.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'paas-cpu-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(file: string): void {
  mkdirSync(join(root, file, '..'), { recursive: true });
  writeFileSync(join(root, file), '0');
}

function builds(layout: GroupLayout) {
  return createBuildCpu({
    instance: 'a-1',
    readLayout: async () => layout,
    times: STARVATION_TIMES,
    log: pino({ level: 'silent' }),
    root,
  });
}

it.each<[GroupLayout, string, string]>([
  [{ version: 1, driver: 'cgroupfs' }, 'cpu/cpu.idle', '/paas-builds-a-1'],
  [{ version: 2, driver: 'cgroupfs' }, 'docker/cpu.idle', '/paas-builds-a-1'],
  [{ version: 2, driver: 'systemd' }, 'system.slice/cpu.idle', 'paasbuilds_a_1.slice'],
])('%j: builds have a group of their own beside those of the engine', async (layout, file, parent) => {
  put(file);
  expect(await builds(layout).containerParent()).toBe(parent);
});

it('without cpu.idle builds stay where they are, and the reason is told', async () => {
  put('cpu/cpu.shares');
  const cpu = builds({ version: 1, driver: 'cgroupfs' });
  expect(await cpu.containerParent()).toBeUndefined();
  expect(await cpu.state()).toEqual({ kind: 'weight', reason: expect.stringContaining('Linux 5.15') });
  expect(cpu.takeStep({ id: 'abc', version: 1, path: '/docker/buildkit/abc' })).toBe(false);
});

it('takes the group away after the last build', async () => {
  put('cpu/cpu.idle');
  const cpu = builds({ version: 1, driver: 'cgroupfs' });
  const share = cpu.begin(() => undefined);
  await cpu.containerParent();
  expect(existsSync(join(root, 'cpu/paas-builds-a-1'))).toBe(true);
  share.end();
  await cpu.stop();
  expect(existsSync(join(root, 'cpu/paas-builds-a-1'))).toBe(false);
});
