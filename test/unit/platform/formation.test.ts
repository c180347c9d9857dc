import { describe, expect, it } from 'vitest';
import {
  clearCrashes,
  listCrashes,
  listDynoWishes,
  recordCrash,
  restartDynos,
  stopDynos,
} from '../../../src/platform/dyno-wishes.js';
import { getFormation, scale } from '../../../src/platform/formation.js';
import { listReleases } from '../../../src/platform/releases.js';
import { parseSize } from '../../../src/platform/sizes.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

const invalid = (message: RegExp) =>
  expect.objectContaining({ id: 'invalid_params', status: 422, message: expect.stringMatching(message) });
const processTypes = { worker: 'w', clock: 'c', web: 's', release: 'r' };

function openWithApp() {
  const test = openTestDatabase();
  const { app, by } = addApp(test.db);
  deploy(test.db, { app, by, digit: 'a', processTypes: { worker: 'w', clock: 'c', web: 's' } });
  return { test, app, by };
}

describe('a formation', () => {
  it('is empty before the first deploy, then one web dyno and nothing else', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    expect(getFormation(test.db, app.id)).toEqual([]);
    deploy(test.db, { app, by, digit: 'a', processTypes: { worker: 'w', web: 's' } });
    expect(getFormation(test.db, app.id).map(({ type, quantity, size }) => [type, quantity, size])).toEqual([
      ['web', 1, '512M'],
      ['worker', 0, '512M'],
    ]);
  });

  it('has no release process type', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const release = deploy(test.db, { app, by, digit: 'a', processTypes });
    expect(release.status).toBe('pending');
    expect(getFormation(test.db, app.id).map((entry) => entry.type)).toEqual([]);
  });

  it('keeps the scale of a type that went and came back', () => {
    const { test, app, by } = openWithApp();
    using _ = test;
    scale(test.db, { app, updates: [{ type: 'worker', quantity: 3, size: '1g' }] });
    deploy(test.db, { app, by, digit: 'b', processTypes: { web: 's' } });
    expect(getFormation(test.db, app.id).map((entry) => entry.type)).toEqual(['web']);
    deploy(test.db, { app, by, digit: 'c', processTypes: { web: 's', worker: 'w' } });
    expect(getFormation(test.db, app.id)[1]).toMatchObject({ type: 'worker', quantity: 3, size: '1G' });
  });
});

describe('scaling', () => {
  it('sets, adds and takes away, without a release, announced once', () => {
    const { test, app } = openWithApp();
    using _ = test;
    const seen: string[] = [];
    test.db.onChange((change) => seen.push(change.kind));
    const quantities = (updates: Parameters<typeof scale>[1]['updates']) =>
      Object.fromEntries(scale(test.db, { app, updates }).map((entry) => [entry.type, entry.quantity]));
    expect(
      quantities([
        { type: 'web', quantity: 2 },
        { type: 'worker', quantity: '+3' },
      ]),
    ).toEqual({ web: 2, clock: 0, worker: 3 });
    expect(quantities([{ type: 'worker', quantity: '-1' }])).toEqual({ web: 2, clock: 0, worker: 2 });
    expect(quantities([{ type: 'web', quantity: '0' }])).toEqual({ web: 0, clock: 0, worker: 2 });
    expect(quantities([{ type: 'web', quantity: 100 }])).toEqual({ web: 100, clock: 0, worker: 2 });
    expect(listReleases(test.db, app.id)).toHaveLength(2);
    expect(seen).toEqual(Array(4).fill('formation-changed'));
  });

  it.each([
    '-1x',
    '1.5',
    '1e3',
    'NaN',
    '',
    '999999999999',
    '1=2',
    ' 1',
    '1\n',
    '--1',
    '0x1',
    '١',
    1.5,
    Number.NaN,
    -1,
    101,
    1e21,
    '101',
    '-2',
    '+1000',
    '+100',
  ])('refuses the quantity %j and changes nothing', (quantity) => {
    const { test, app } = openWithApp();
    using _ = test;
    const change = () =>
      scale(test.db, {
        app,
        updates: [
          { type: 'worker', quantity: 1 },
          { type: 'web', quantity },
        ],
      });
    expect(change).toThrow(invalid(/must be a whole number|must be from 0 to 100/));
    expect(getFormation(test.db, app.id).map((entry) => entry.quantity)).toEqual([1, 0, 0]);
  });

  it('refuses an unknown type and a type given twice, and says what there is', () => {
    const { test, app } = openWithApp();
    using _ = test;
    expect(() => scale(test.db, { app, updates: [{ type: 'nope', quantity: 1 }] })).toThrow(
      invalid(/no process type "nope". It has: web, clock, worker/),
    );
    expect(() => scale(test.db, { app, updates: [{ type: 'release', quantity: 1 }] })).toThrow(
      invalid(/no process type "release"/),
    );
    const twice = [
      { type: 'web', quantity: 1 },
      { type: 'web', quantity: 2 },
    ];
    expect(() => scale(test.db, { app, updates: twice })).toThrow(invalid(/"web" is given twice/));
  });

  it('before the first deploy says so', () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    expect(() => scale(test.db, { app, updates: [{ type: 'web', quantity: 1 }] })).toThrow(
      invalid(/deploy first/),
    );
  });
});

describe('a size', () => {
  it.each([
    ['512m', '512M', 512],
    ['512M', '512M', 512],
    ['1g', '1G', 1024],
    ['1GB', '1G', 1024],
    ['64m', '64M', 64],
    ['64g', '64G', 65_536],
    ['Standard-1X', '512M', 512],
    ['standard-2x', '1G', 1024],
    ['performance-l', '14G', 14_336],
  ])('%s is %s', (text, size, megabytes) => {
    expect(parseSize(text)).toEqual({ size, memoryBytes: megabytes * 1024 ** 2 });
  });

  it.each([
    '-1m',
    '0',
    '0m',
    '3m',
    '63m',
    '65g',
    '1t',
    '512',
    '1.5g',
    '',
    'm',
    '512m\n',
    'huge',
    'constructor',
    '__proto__',
    '99999999999g',
  ])('is not %j', (text) => {
    expect(() => parseSize(text)).toThrow(invalid(/is not a memory size from 64m to 64g/));
  });
});

describe('wishes about single dynos', () => {
  it('restart one, a type or all, and clear its crashes', () => {
    const { test, app } = openWithApp();
    using _ = test;
    scale(test.db, {
      app,
      updates: [
        { type: 'web', quantity: 2 },
        { type: 'worker', quantity: 1 },
      ],
    });
    recordCrash(test.db, { appId: app.id, type: 'web', number: 2, releaseVersion: 2, reason: 'x' });
    restartDynos(test.db, { app, type: 'web', number: 2 });
    const restarted = () =>
      listDynoWishes(test.db, app.id)
        .map((wish) => `${wish.type}.${wish.number}`)
        .sort();
    expect(restarted()).toEqual(['web.2']);
    expect(listCrashes(test.db, app.id)).toEqual([]);
    restartDynos(test.db, { app, type: 'web' });
    expect(restarted()).toEqual(['web.1', 'web.2']);
    restartDynos(test.db, { app });
    expect(restarted()).toEqual(['web.1', 'web.2', 'worker.1']);
    expect(listDynoWishes(test.db, app.id).map(({ restarts }) => restarts)).toEqual([2, 3, 1]);
  });

  it('stop a dyno until its type is scaled, it is restarted or there is a release', () => {
    const { test, app, by } = openWithApp();
    using _ = test;
    const isStopped = () => listDynoWishes(test.db, app.id).some((wish) => wish.stopped);
    const ways = [
      () => scale(test.db, { app, updates: [{ type: 'web', quantity: 1 }] }),
      () => restartDynos(test.db, { app }),
      () => deploy(test.db, { app, by, digit: 'b' }),
    ];
    for (const way of ways) {
      stopDynos(test.db, { app, type: 'web', number: 1 });
      expect(isStopped()).toBe(true);
      way();
      expect(isStopped()).toBe(false);
    }
  });

  it.each([
    ['nope', undefined],
    ['web', 2],
    ['web', 0],
    ['web', -1],
    ['worker', 1],
    ['web.1', undefined],
  ])('of a dyno that is not there: %s %s', (type, number) => {
    const { test, app } = openWithApp();
    using _ = test;
    const hint = 'It has: web (1), clock (0), worker (0). See: paas ps -a shop';
    const error = expect.objectContaining({ id: 'not_found', hint });
    expect(() => restartDynos(test.db, { app, type, number })).toThrow(error);
    expect(() => stopDynos(test.db, { app, type, number })).toThrow(error);
  });

  it('count crashes in a row, from one again under a new release', () => {
    const { test, app } = openWithApp();
    using _ = test;
    const crash = (releaseVersion: number) =>
      recordCrash(test.db, {
        appId: app.id,
        type: 'web',
        number: 1,
        releaseVersion,
        reason: 'Process exited with status 1',
      });
    const counts = () => listCrashes(test.db, app.id).map((entry) => entry.count);
    crash(2);
    crash(2);
    expect(counts()).toEqual([2]);
    crash(3);
    expect(counts()).toEqual([1]);
    clearCrashes(test.db, { appId: app.id, type: 'web', number: 1 });
    expect(counts()).toEqual([]);
  });
});
