import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { renderRouter } from '../../../src/router/config.js';
import { createRouterFiles } from '../../../src/router/router-files.js';

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'paas-router-files-'));
  path = join(dir, 'haproxy.cfg');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('writes the configuration when it is another, or when somebody changed or removed it', async () => {
  const settings = { dir, bindAddress: '127.0.0.1', httpPort: 8080, maxConnections: 100, threads: 1 };
  const wanted = renderRouter({ ...settings, runAs: undefined }, undefined);
  const files = createRouterFiles({ dir, haproxyPath: 'haproxy' });
  const write = (config = wanted.config) => files.write({ ...wanted, config }, { isChecked: false });
  await write();
  const first = statSync(path).ino;
  await write();
  expect([statSync(path).ino, readFileSync(path, 'utf8')]).toEqual([first, wanted.config]);
  writeFileSync(path, 'spoilt');
  await write();
  expect(readFileSync(path, 'utf8')).toBe(wanted.config);
  rmSync(path);
  await write();
  expect(readFileSync(path, 'utf8')).toBe(wanted.config);
  await write('# another');
  expect(readFileSync(path, 'utf8')).toBe('# another');
});
