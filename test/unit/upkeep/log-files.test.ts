import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { limitLogFiles } from '../../../src/upkeep/log-files.js';

let directory: string;
const limit = () => limitLogFiles({ directory, log: pino({ level: 'silent' }), limitBytes: 1000 });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-log-files-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test('a large file that a process appends to begins anew, and goes on', async () => {
  const path = join(directory, 'paasd.log');
  const output = openSync(path, 'a', 0o600);
  const writer = spawn('sh', ['-c', 'seq 1 1000; read line; echo after'], {
    stdio: ['pipe', output, output],
  });
  while (!readFileSync(path, 'utf8').endsWith('\n1000\n')) await new Promise(setImmediate);
  await limit();
  expect(statSync(path).size).toBe(0);
  writer.stdin?.end('\n');
  await once(writer, 'close');
  expect(readFileSync(path, 'utf8')).toBe('after\n');
  expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/^1\n[\s\S]*\n1000\n$/);
  expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600);
});

test('small ones and other files stay', async () => {
  writeFileSync(join(directory, 'collector.log'), 'x'.repeat(1000));
  writeFileSync(join(directory, 'paasd.log.1'), 'x'.repeat(5000));
  await limit();
  expect(statSync(join(directory, 'collector.log')).size).toBe(1000);
  expect(statSync(join(directory, 'paasd.log.1')).size).toBe(5000);
});
