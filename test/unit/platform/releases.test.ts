import { describe, expect, it } from 'vitest';
import { newId } from '../../../src/ids.js';
import { rollBackAutomatically } from '../../../src/platform/automatic-rollback.js';
import { changeConfig, getConfig } from '../../../src/platform/config-vars.js';
import { getFormation, scale } from '../../../src/platform/formation.js';
import { rollback } from '../../../src/platform/make-release.js';
import {
  currentRelease,
  findRelease,
  getReleaseConfig,
  listReleases,
  pendingReleases,
  type Release,
  setReleaseStatus,
} from '../../../src/platform/releases.js';
import { addApp, deploy, imageDigest, openTestDatabase } from '../../support/test-database.js';

const invalid = (message: RegExp) =>
  expect.objectContaining({ id: 'invalid_params', message: expect.stringMatching(message) });

/** Why the platform goes back by itself. */
const automatic = (undoes: Release) => ({
  undoes,
  reason: 'it crashed',
  traffic: { requests: 0, errors: 0 },
});

describe('release numbers', () => {
  it('grow by one per app, whatever made the release', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const other = addApp(test.db, 'other');
    deploy(test.db, { app, by, digit: 'a' });
    changeConfig(test.db, { app, by, updates: { A: '1' } });
    deploy(test.db, { ...other, digit: 'f' });
    deploy(test.db, { app, by, digit: 'b' });
    rollback(test.db, { app, by });
    expect(listReleases(test.db, app.id).map((release) => release.version)).toEqual([5, 4, 3, 2, 1]);
    expect(listReleases(test.db, other.app.id).map((release) => release.version)).toEqual([2, 1]);
    expect(listReleases(test.db, app.id, { limit: 2 }).map((release) => release.version)).toEqual([5, 4]);
  });

  it('go on where they were after a restart', () => {
    const first = openTestDatabase();
    const { app, by } = addApp(first.db);
    deploy(first.db, { app, by, digit: 'a' });
    using test = first.reopen();
    expect(deploy(test.db, { app, by, digit: 'b' }).version).toBe(3);
    expect(currentRelease(test.db, app.id)?.image).toBe(imageDigest('b'));
  });
});

describe('a release', () => {
  it.each([
    "update releases set image = 'x'",
    'update releases set version = 9 where version = 2',
    "update releases set config = x'00'",
    "update releases set process_types = '{}'",
    "update releases set description = 'x'",
    "update releases set app_id = app_id, buildpacks = '[]'",
    'update releases set created_at = 0',
    'update releases set built_on = 1',
    'delete from releases',
    'delete from releases where version = 2',
    `insert or replace into releases select id, app_id, version, 'forged', image, commit_id, build_id, process_types, config, stack,
       buildpacks, account_id, created_at, status, updated_at, output, built_on, carried_by from releases where version = 2`,
  ])('cannot be changed: %s', (statement) => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    deploy(test.db, { app, by, digit: 'a' });
    const before = listReleases(test.db, app.id);
    expect(() => test.db.sql.exec(statement)).toThrow('releases are append-only');
    expect(listReleases(test.db, app.id)).toEqual(before);
  });

  it('keeps its config vars sealed in the file', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const release = changeConfig(test.db, { app, by, updates: { SECRET: 'hunter2-canary' } });
    const stored = test.db.sql
      .prepare('select config from releases where id = ?')
      .pluck()
      .get(release?.id) as Buffer;
    expect(stored.includes('canary')).toBe(false);
    expect(JSON.stringify(listReleases(test.db, app.id))).not.toContain('canary');
  });

  it('is found by number, v-number and id, within its app only', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const other = addApp(test.db, 'other');
    const release = deploy(test.db, { app, by, digit: 'a' });
    for (const name of ['2', 'v2', release.id]) expect(findRelease(test.db, app, name).id).toBe(release.id);
    expect(() => findRelease(test.db, other.app, release.id)).toThrow(
      expect.objectContaining({ id: 'not_found' }),
    );
  });

  it.each([
    'v0',
    '0',
    'v-1',
    '-1',
    'v999',
    'v1;',
    'v1\n',
    ' 1',
    '1e1',
    '',
    'current',
    '9'.repeat(30),
    newId(),
  ])('is not found by %j', (name) => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    expect(() => findRelease(test.db, app, name)).toThrow(
      expect.objectContaining({ id: 'not_found', status: 404 }),
    );
  });
});

describe('a release with a release phase', () => {
  const processTypes = { web: 'w', release: 'migrate' };

  it('runs only once its phase has succeeded', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    deploy(test.db, { app, by, digit: 'a' });
    const pending = deploy(test.db, { app, by, digit: 'b', processTypes });
    expect(pending).toMatchObject({ status: 'pending', current: false });
    expect(pendingReleases(test.db, app.id).map((release) => release.version)).toEqual([3]);
    expect(currentRelease(test.db, app.id)?.version).toBe(2);
    setReleaseStatus(test.db, { releaseId: pending.id, status: 'succeeded', output: 'migrated' });
    expect(currentRelease(test.db, app.id)).toMatchObject({ version: 3, current: true, output: 'migrated' });
  });

  it('that failed leaves the one before current, and its code and config are not built upon', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    deploy(test.db, { app, by, digit: 'a' });
    const failed = deploy(test.db, { app, by, digit: 'b', processTypes });
    setReleaseStatus(test.db, { releaseId: failed.id, status: 'failed' });
    expect(currentRelease(test.db, app.id)?.version).toBe(2);
    const next = changeConfig(test.db, { app, by, updates: { A: '1' } });
    expect(next).toMatchObject({ version: 4, image: imageDigest('a'), status: 'succeeded' });
    expect(() => rollback(test.db, { app, by, to: findRelease(test.db, app, 'v3') })).toThrow(
      invalid(/its release command failed/),
    );
  });
});

describe('rollback', () => {
  it('makes a new release of the old image, process types and config vars', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    changeConfig(test.db, { app, by, updates: { COLOR: 'red', OLD: '1' } });
    const old = deploy(test.db, { app, by, digit: 'a', processTypes: { web: 'old', worker: 'w' } });
    changeConfig(test.db, { app, by, updates: { COLOR: 'blue', OLD: null, NEW: '1' } });
    deploy(test.db, { app, by, digit: 'b' });
    const back = rollback(test.db, { app, by, to: old });
    expect(back).toMatchObject({
      version: 6,
      image: imageDigest('a'),
      description: 'Rollback to v3',
      current: true,
    });
    expect(back.processTypes).toEqual({ web: 'old', worker: 'w' });
    expect(getReleaseConfig(test.db, back.id)).toEqual({ COLOR: 'red', OLD: '1' });
    expect(getConfig(test.db, app.id)).toEqual({ COLOR: 'red', OLD: '1' });
    expect(findRelease(test.db, app, 'v3')).toEqual({ ...old, current: false });
  });

  it('without a target goes to the release before, leaving the scale alone', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    deploy(test.db, { app, by, digit: 'a' });
    scale(test.db, { app, updates: [{ type: 'web', quantity: 4 }] });
    deploy(test.db, { app, by, digit: 'b' });
    expect(rollback(test.db, { app, by })).toMatchObject({
      description: 'Rollback to v2',
      image: imageDigest('a'),
    });
    expect(getFormation(test.db, app.id)).toMatchObject([{ type: 'web', quantity: 4 }]);
  });

  it('without a target passes over releases that failed, wait or were undone', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const release = 'migrate';
    deploy(test.db, { app, by, digit: 'a' });
    const undone = deploy(test.db, { app, by, digit: 'b' });
    rollback(test.db, { app, by, to: findRelease(test.db, app, 'v2'), automatic: automatic(undone) });
    const failed = deploy(test.db, { app, by, digit: 'c', processTypes: { web: 'w', release } });
    setReleaseStatus(test.db, { releaseId: failed.id, status: 'failed' });
    deploy(test.db, { app, by, digit: 'd' });
    deploy(test.db, { app, by, digit: 'e', processTypes: { web: 'w', release } });
    expect(currentRelease(test.db, app.id)?.version).toBe(6);
    expect(rollback(test.db, { app, by }).description).toBe('Rollback to v4');
  });

  it('by the platform does not run the release command again, so that it cannot fail', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const processTypes = { web: 'w', release: 'migrate' };
    for (const digit of ['a', 'b']) {
      const { id: releaseId } = deploy(test.db, { app, by, digit, processTypes });
      setReleaseStatus(test.db, { releaseId, status: 'succeeded' });
    }
    const [bad, good] = [findRelease(test.db, app, 'v3'), findRelease(test.db, app, 'v2')];
    const back = rollback(test.db, { app, by, to: good, automatic: automatic(bad) });
    expect(back).toMatchObject({ version: 4, status: 'succeeded', current: true, image: imageDigest('a') });
    expect(findRelease(test.db, app, 'v3').undoneBy).toBe(4);
    expect(rollback(test.db, { app, by, to: good }).status).toBe('pending');
  });

  it('by the platform goes back from the code, and keeps config vars that were set meanwhile', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    deploy(test.db, { app, by, digit: 'a' });
    changeConfig(test.db, { app, by, updates: { OLD: '1' } });
    deploy(test.db, { app, by, digit: 'b' });
    const bad = changeConfig(test.db, { app, by, updates: { A: '1', OLD: null } }) ?? expect.unreachable();
    const to = findRelease(test.db, app, 'v3');
    const { made, config } = rollBackAutomatically(test.db, { app, by, to, automatic: automatic(bad) });
    expect(made).toMatchObject({ version: 6, image: imageDigest('a') });
    expect(getReleaseConfig(test.db, made.id)).toEqual({ OLD: '1' });
    expect(config).toMatchObject({
      current: true,
      version: 7,
      image: imageDigest('a'),
      description: 'Set A config vars, Remove OLD config vars',
    });
    expect(getConfig(test.db, app.id)).toEqual({ A: '1' });
    // It is judged as any change is, and then nothing but the config vars is left to go back from.
    const again = automatic(config ?? expect.unreachable());
    expect(rollBackAutomatically(test.db, { app, by, to, automatic: again }).config).toBeUndefined();
    expect(getConfig(test.db, app.id)).toEqual({ OLD: '1' });
  });

  it('that failed has undone nothing', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    deploy(test.db, { app, by, digit: 'a' });
    deploy(test.db, { app, by, digit: 'b' });
    const undone = deploy(test.db, { app, by, digit: 'c' });
    const to = findRelease(test.db, app, 'v2');
    const back = rollback(test.db, { app, by, to, automatic: automatic(undone) });
    // Such a one was made when the release command of its target still ran again.
    setReleaseStatus(test.db, { releaseId: back.id, status: 'failed' });
    expect(findRelease(test.db, app, 'v4')).toMatchObject({ current: true, undoneBy: undefined });
    expect(rollback(test.db, { app, by }).description).toBe('Rollback to v3');
  });

  it("refuses the current release, one without code, one whose image is gone, and another app's", () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const other = addApp(test.db, 'other');
    expect(() => rollback(test.db, { app, by })).toThrow(invalid(/no earlier release/));
    const first = deploy(test.db, { app, by, digit: 'a' });
    const second = deploy(test.db, { app, by, digit: 'b' });
    const foreign = deploy(test.db, { ...other, digit: 'c' });
    expect(() => rollback(test.db, { app, by, to: second })).toThrow(
      invalid(/v3 is the current release of shop already/),
    );
    expect(() => rollback(test.db, { app, by, to: findRelease(test.db, app, '1') })).toThrow(
      invalid(/it has no code/),
    );
    setReleaseStatus(test.db, { releaseId: first.id, status: 'expired' });
    expect(() => rollback(test.db, { app, by, to: findRelease(test.db, app, '2') })).toThrow(
      invalid(/its image is gone/),
    );
    expect(() => rollback(test.db, { app, by, to: foreign })).toThrow(
      expect.objectContaining({ id: 'not_found' }),
    );
    expect(listReleases(test.db, app.id)).toHaveLength(3);
  });
});

it('announces a release once, after it can be read', () => {
  using test = openTestDatabase();
  const { app, by } = addApp(test.db);
  const seen: unknown[] = [];
  test.db.onChange((change) =>
    seen.push([change.kind, change.appId, currentRelease(test.db, app.id)?.version]),
  );
  deploy(test.db, { app, by, digit: 'a' });
  expect(seen).toEqual([['release-created', app.id, 2]]);
});
