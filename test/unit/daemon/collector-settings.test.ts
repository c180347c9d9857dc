import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { collectorSettings } from '../../../src/daemon/collector-settings.js';
import { loadConfig } from '../../../src/daemon/config.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-stamp-'));
  mkdirSync(join(directory, 'program/logs'), { recursive: true });
  writeFileSync(join(directory, 'program/logs/store.js'), 'one');
});
afterEach(() => rmSync(directory, { recursive: true }));

const stampOf = (env: Record<string, string> = {}, instance = 'test') => {
  const program = {
    directory: join(directory, 'program'),
    dependencies: join(directory, 'package-lock.json'),
  };
  return collectorSettings(loadConfig(env), instance, program).stamp;
};

it('is the same for the same code and settings', () => {
  expect(stampOf()).toBe(stampOf());
  expect(stampOf({ PAAS_HTTP_PORT: '81', PAAS_BUILD_MEMORY: '1g' })).toBe(stampOf());
});

it.each([
  { PAAS_LOG_RETENTION_BYTES: '200m' },
  { PAAS_LOG_RETENTION_DAYS: '8' },
  { PAAS_LOG_LEVEL: 'debug' },
  { PAAS_DOCKER_SOCKET: '/run/other.sock' },
])('differs with %j', (env) => {
  expect(stampOf(env)).not.toBe(stampOf());
});

it.each(['program/logs/store.js', 'program/more.js', 'package-lock.json'])(
  'differs with a change of %s',
  (file) => {
    const before = stampOf();
    writeFileSync(join(directory, file), 'two');
    expect(stampOf()).not.toBe(before);
  },
);
