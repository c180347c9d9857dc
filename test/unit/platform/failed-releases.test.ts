import { expect, it } from 'vitest';
import type { Database } from '../../../src/db/database.js';
import { setBuildpacks } from '../../../src/platform/buildpacks.js';
import { changeConfig, getConfig } from '../../../src/platform/config-vars.js';
import { failRelease } from '../../../src/platform/failed-releases.js';
import { rollback } from '../../../src/platform/make-release.js';
import {
  currentRelease,
  findRelease,
  getReleaseConfig,
  listReleases,
  setReleaseStatus,
} from '../../../src/platform/releases.js';
import { addApp, deploy, imageDigest, openTestDatabase } from '../../support/test-database.js';

const processTypes = { web: 'w', release: 'migrate' };

/** An app whose v2 runs `a` and whose v3, a deploy of `b`, waits for its release command. */
function openWithPending() {
  const test = openTestDatabase();
  const { app, by } = addApp(test.db);
  deploy(test.db, { app, by, digit: 'a' });
  const pending = deploy(test.db, { app, by, digit: 'b', processTypes });
  const change = (updates: Record<string, string | null>) => changeConfig(test.db, { app, by, updates });
  const fail = (version: number) =>
    failRelease(test.db, { release: findRelease(test.db, app, `v${version}`), output: 'it broke' });
  return { ...test, app, by, pending, change, fail, [Symbol.dispose]: () => test[Symbol.dispose]() };
}

const told = (db: Database, appId: Parameters<typeof listReleases>[1]) =>
  listReleases(db, appId).map(
    ({ version, status, image }) => `v${version} ${status} ${image?.at(-1) ?? '-'}`,
  );

it('a change of settings does not bring pending code live', () => {
  using test = openWithPending();
  const { db, app, by, pending } = test;
  setBuildpacks(db, { app, by, buildpacks: ['go'] });
  expect(told(db, app.id).slice(0, 3)).toEqual(['v4 pending b', 'v3 pending b', 'v2 succeeded a']);
  expect(currentRelease(db, app.id)?.version).toBe(2);
  setReleaseStatus(db, { releaseId: pending.id, status: 'succeeded' });
  expect(currentRelease(db, app.id)?.version).toBe(3);
  expect(findRelease(db, app, 'v4')).toMatchObject({ status: 'pending', builtOn: 3 });
});

it('config vars that were set meanwhile are kept when the release command succeeds', () => {
  using test = openWithPending();
  const { db, app, pending, change } = test;
  const changed = change({ A: '1' });
  setReleaseStatus(db, { releaseId: pending.id, status: 'succeeded' });
  setReleaseStatus(db, { releaseId: changed?.id ?? expect.unreachable(), status: 'succeeded' });
  expect(currentRelease(db, app.id)).toMatchObject({ version: 4, image: imageDigest('b') });
  expect(getConfig(db, app.id)).toEqual({ A: '1' });
});

it('what was built on a release fails with it, and its config vars are set again on the code that runs', () => {
  using test = openWithPending();
  const { db, app, by, change, fail } = test;
  change({ A: '1', toString: 'x' });
  setBuildpacks(db, { app, by, buildpacks: ['go'] });
  change({ toString: null, B: '2' });
  fail(3);
  expect(told(db, app.id)).toEqual([
    'v8 succeeded a',
    'v7 succeeded a',
    'v6 failed b',
    'v5 failed b',
    'v4 failed b',
    'v3 failed b',
    'v2 succeeded a',
    'v1 succeeded -',
  ]);
  expect(findRelease(db, app, 'v8')).toMatchObject({
    description: 'Set B config vars, Remove toString config vars',
    accountEmail: 'shop@example.com',
    builtOn: undefined,
  });
  expect(getConfig(db, app.id)).toEqual({ A: '1', B: '2' });
  const outputs = ['v3', 'v4', 'v5', 'v6'].map((version) => findRelease(db, app, version).output);
  expect(outputs).toEqual([
    'it broke',
    'It was built on v3, which failed. Its change of config vars is v7.\n',
    'It was built on v4, which failed.\n',
    'It was built on v5, which failed. Its change of config vars is v8.\n',
  ]);
});

it('only the change is made again, not what the failed release itself had set', () => {
  using test = openTestDatabase();
  const { app, by } = addApp(test.db);
  const { id: releaseId } = deploy(test.db, { app, by, digit: 'a', processTypes });
  setReleaseStatus(test.db, { releaseId, status: 'succeeded' });
  const bad = changeConfig(test.db, { app, by, updates: { BAD: '1' } });
  changeConfig(test.db, { app, by, updates: { GOOD: '1' } });
  failRelease(test.db, { release: bad ?? expect.unreachable(), output: '' });
  const again = findRelease(test.db, app, 'v5');
  expect(again).toMatchObject({ status: 'pending', builtOn: undefined });
  expect(getReleaseConfig(test.db, again.id)).toEqual({ GOOD: '1' });
});

it('nothing is made again after a deploy that has the config vars, or a rollback', () => {
  using test = openWithPending();
  const { db, app, by, change, fail } = test;
  change({ A: '1' });
  deploy(db, { app, by, digit: 'c' });
  fail(3);
  expect(told(db, app.id).slice(0, 3)).toEqual(['v5 succeeded c', 'v4 failed b', 'v3 failed b']);
  expect(getConfig(db, app.id)).toEqual({ A: '1' });
  deploy(db, { app, by, digit: 'd', processTypes });
  change({ B: '2' });
  rollback(db, { app, by, to: findRelease(db, app, 'v2') });
  fail(6);
  expect(told(db, app.id).slice(0, 2)).toEqual(['v8 succeeded a', 'v7 failed d']);
  expect(getConfig(db, app.id)).toEqual({});
});

it('a failed release that nothing was built on only fails', () => {
  using test = openWithPending();
  const { db, app, by, fail } = test;
  deploy(db, { app, by, digit: 'c', processTypes });
  fail(3);
  fail(3);
  expect(told(db, app.id).slice(0, 3)).toEqual(['v4 pending c', 'v3 failed b', 'v2 succeeded a']);
});

it('config vars that a newer deploy took along are set again when that fails too', () => {
  using test = openWithPending();
  const { db, app, by, change, fail } = test;
  change({ A: '1' });
  deploy(db, { app, by, digit: 'c', processTypes });
  change({ B: '2' });
  deploy(db, { app, by, digit: 'd', processTypes });
  fail(3);
  fail(5);
  expect(told(db, app.id).slice(0, 2)).toEqual(['v7 pending d', 'v6 failed c']);
  expect(getConfig(db, app.id)).toEqual({ A: '1', B: '2' });
  fail(7);
  expect(told(db, app.id).slice(0, 3)).toEqual(['v9 succeeded a', 'v8 succeeded a', 'v7 failed d']);
  expect(getConfig(db, app.id)).toEqual({ A: '1', B: '2' });
  expect(findRelease(db, app, 'v8').description).toBe('Set A config vars');
  expect(findRelease(db, app, 'v4').output).toBe(
    'It was built on v3, which failed. Its change of config vars is v8.\n',
  );
});

it('config vars from which a rollback went back are there again when that fails', () => {
  using test = openTestDatabase();
  const { app, by } = addApp(test.db);
  for (const digit of ['a', 'b']) {
    const { id: releaseId } = deploy(test.db, { app, by, digit, processTypes });
    setReleaseStatus(test.db, { releaseId, status: 'succeeded' });
  }
  const pending = deploy(test.db, { app, by, digit: 'c', processTypes });
  changeConfig(test.db, { app, by, updates: { A: '1' } });
  const back = rollback(test.db, { app, by, to: findRelease(test.db, app, 'v2') });
  failRelease(test.db, { release: pending, output: '' });
  expect(getConfig(test.db, app.id)).toEqual({});
  failRelease(test.db, { release: back, output: '' });
  expect(getConfig(test.db, app.id)).toEqual({ A: '1' });
});

it('a change that its own release command refuses is not made a third time', () => {
  using test = openTestDatabase();
  const { app, by } = addApp(test.db);
  const { id: releaseId } = deploy(test.db, { app, by, digit: 'a', processTypes });
  setReleaseStatus(test.db, { releaseId, status: 'succeeded' });
  const fail = (version: number) =>
    failRelease(test.db, { release: findRelease(test.db, app, `v${version}`), output: 'it broke' });
  deploy(test.db, { app, by, digit: 'b', processTypes });
  changeConfig(test.db, { app, by, updates: { A: '1' } });
  deploy(test.db, { app, by, digit: 'c', processTypes });
  fail(3);
  fail(5);
  expect(findRelease(test.db, app, 'v6')).toMatchObject({ status: 'pending', image: imageDigest('a') });
  fail(6);
  deploy(test.db, { app, by, digit: 'd', processTypes });
  fail(7);
  expect(told(test.db, app.id)[0]).toBe('v7 failed d');
  expect(getConfig(test.db, app.id)).toEqual({});
});
