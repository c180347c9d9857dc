import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/daemon/config.js';
import { loadDiskConfig } from '../../../src/daemon/disk-config.js';

it('bounds the processes of a dyno', () => {
  expect(loadConfig({}).dynoPids).toBe(256);
  expect(loadConfig({ PAAS_DYNO_PIDS: '1024' }).dynoPids).toBe(1024);
  expect(() => loadConfig({ PAAS_DYNO_PIDS: '1025' })).toThrow(
    'PAAS_DYNO_PIDS must be at most 1024, not 1025',
  );
  expect(() => loadConfig({ PAAS_DYNO_PIDS: '0' })).toThrow('PAAS_DYNO_PIDS must be a whole number above 0');
});

it('takes no time that is too long for a timer, which would be over at once', () => {
  expect(loadConfig({ PAAS_BUILD_TIMEOUT_SECONDS: '2147483' }).buildTimeoutMs).toBe(2_147_483_000);
  expect(() => loadConfig({ PAAS_BUILD_TIMEOUT_SECONDS: '2592000' })).toThrow(
    'PAAS_BUILD_TIMEOUT_SECONDS must be at most 2147483, not 2592000',
  );
  expect(() => loadDiskConfig({ PAAS_DISK_CHECK_SECONDS: '2592000' })).toThrow('must be at most 2147483');
});

it('builds Dockerfiles unless it is told not to', () => {
  expect(loadConfig({}).buildsDockerfiles).toBe(true);
  expect(loadConfig({ PAAS_DOCKERFILE_BUILDS: 'on' }).buildsDockerfiles).toBe(true);
  expect(loadConfig({ PAAS_DOCKERFILE_BUILDS: 'off' }).buildsDockerfiles).toBe(false);
  expect(() => loadConfig({ PAAS_DOCKERFILE_BUILDS: 'no' })).toThrow(
    'PAAS_DOCKERFILE_BUILDS must be on or off, not no',
  );
});
