import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findRelease, getReleaseConfig, listReleases } from '../../src/platform/releases.js';
import { addApp, openTestDatabase } from '../support/test-database.js';

const project = fileURLToPath(new URL('../../', import.meta.url));
const KILLS = 40;
let compiled: string;

// Compiled below the project, so that the packages are found.
beforeAll(() => {
  compiled = mkdtempSync(join(project, 'node_modules/.durability-'));
  writeFileSync(
    join(compiled, 'tsconfig.json'),
    JSON.stringify({
      extends: join(project, 'tsconfig.json'),
      compilerOptions: {
        noEmit: false,
        rootDir: project,
        outDir: compiled,
        types: ['node'],
        typeRoots: [join(project, 'node_modules/@types')],
      },
      files: [join(project, 'test/support/durable-writer.ts')],
      include: [],
    }),
  );
  execFileSync(join(project, 'node_modules/.bin/tsc'), ['-p', compiled], { stdio: 'inherit' });
  cpSync(join(project, 'src/db/migrations'), join(compiled, 'src/db/migrations'), { recursive: true });
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}');
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

/** Runs the writer, kills it outright after `lines` answers, and returns all that it had answered. */
async function writeUntilKilled(args: string[], lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [join(compiled, 'test/support/durable-writer.js'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > lines) child.kill('SIGKILL');
  });
  const [code, signal] = await once(child, 'close');
  expect([code, signal]).toEqual([null, 'SIGKILL']);
  return text.split('\n').slice(0, -1);
}

it('keeps every answered change through kill -9, with release numbers without a gap', async () => {
  let test = openTestDatabase();
  const { app } = addApp(test.db);
  const args = [test.path, test.key.toString('hex'), app.id];
  const answered: string[] = [];
  for (let round = 0; round < KILLS; round++)
    answered.push(...(await writeUntilKilled(args, 1 + (round % 9))));
  test = test.reopen();
  using _ = test;
  expect(answered.length).toBeGreaterThanOrEqual(KILLS);
  for (const line of answered) {
    const [version = '', value] = line.split(' ');
    expect(getReleaseConfig(test.db, findRelease(test.db, app, version).id)['COUNTER']).toBe(value);
  }
  const versions = listReleases(test.db, app.id).map((release) => release.version);
  expect(versions).toEqual(Array.from({ length: versions.length }, (_, index) => versions.length - index));
  expect(test.db.sql.pragma('integrity_check', { simple: true })).toBe('ok');
});
