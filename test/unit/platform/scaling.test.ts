import { describe, expect, test } from 'vitest';
import {
  endAutoscaleOutside,
  getAutoscales,
  listAutoscales,
  removeAutoscale,
  setAutoscale,
} from '../../../src/platform/autoscale.js';
import {
  fallAsleep,
  getAutosleep,
  listAutosleeps,
  removeAutosleep,
  setAutosleep,
  wakeUp,
} from '../../../src/platform/autosleep.js';
import { listCrashes, recordCrash, restartDynos, stopDynos } from '../../../src/platform/dyno-wishes.js';
import { scale } from '../../../src/platform/formation.js';
import { getScalingLessons, keepScalingLessons } from '../../../src/platform/scaling-lessons.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

const invalid = expect.objectContaining({ id: 'invalid_params', status: 422 });

function openWithApp() {
  const test = openTestDatabase();
  const { app, by } = addApp(test.db);
  deploy(test.db, { app, by, digit: 'a', processTypes: { worker: 'w', web: 's' } });
  return { test, app, by };
}

describe('what autoscale has learnt', () => {
  test('is kept until the setting changes or ends', () => {
    const { test, app } = openWithApp();
    using _database = test;
    const { db } = test;
    const place = { appId: app.id, type: 'web' };
    const setting = { app, type: 'web', min: 1, max: 3, metric: 'p95', target: 500 } as const;
    const lessons = { calmMs: 600_000, lastDownAt: 5, tooMuch: { rate: 12.5, at: 7 } };
    keepScalingLessons(db, place, lessons);
    expect(getScalingLessons(db, place)).toBeUndefined();
    setAutoscale(db, setting);
    keepScalingLessons(db, place, { calmMs: 1 });
    keepScalingLessons(db, place, lessons);
    expect(getScalingLessons(db, place)).toEqual(lessons);
    setAutoscale(db, setting);
    expect(getScalingLessons(db, place)).toBeUndefined();
    keepScalingLessons(db, place, lessons);
    removeAutoscale(db, { app, type: 'web' });
    setAutoscale(db, setting);
    expect(getScalingLessons(db, place)).toBeUndefined();
  });
});

describe('autosleep', () => {
  test('is off until it is set, and keeps its state when it is changed', () => {
    const { test, app } = openWithApp();
    using _database = test;
    const { db } = test;
    expect(getAutosleep(db, app.id)).toBeUndefined();
    expect(fallAsleep(db, app.id)).toBe(false);
    setAutosleep(db, { app, afterMs: 60_000 });
    expect(fallAsleep(db, app.id)).toBe(true);
    expect(fallAsleep(db, app.id)).toBe(false);
    const changed = setAutosleep(db, { app, afterMs: 90_000 });
    expect(changed.asleepSince).toBeDefined();
    expect(listAutosleeps(db)).toEqual([changed]);
    expect(wakeUp(db, app.id)).toBe(true);
    expect(wakeUp(db, app.id)).toBe(false);
    expect(wakeUp(db, 'no-such-app')).toBe(false);
    removeAutosleep(db, app);
    removeAutosleep(db, app);
    expect(listAutosleeps(db)).toEqual([]);
  });

  test.each([0, 999, 1.5, Number.NaN, 31 * 24 * 3_600_000])('refuses %d ms', (afterMs) => {
    const { test, app } = openWithApp();
    using _database = test;
    expect(() => setAutosleep(test.db, { app, afterMs })).toThrow(invalid);
  });

  test('ends with what a user does to the web process, and forgets its crashes', () => {
    const { test, app, by } = openWithApp();
    using _database = test;
    const { db } = test;
    setAutosleep(db, { app, afterMs: 60_000 });
    recordCrash(db, { appId: app.id, type: 'web', number: 1, releaseVersion: 2, reason: 'x' });
    fallAsleep(db, app.id);
    expect(listCrashes(db, app.id)).toEqual([]);
    const isAsleep = () => getAutosleep(db, app.id)?.asleepSince !== undefined;
    const wakers: [string, () => unknown, boolean][] = [
      ['a scale of another type', () => scale(db, { app, updates: [{ type: 'worker', quantity: 1 }] }), true],
      ['a restart of another type', () => restartDynos(db, { app, type: 'worker' }), true],
      ['a stop', () => stopDynos(db, { app, type: 'web' }), true],
      ['a restart', () => restartDynos(db, { app }), false],
      ['a scale', () => scale(db, { app, updates: [{ type: 'web', quantity: 2 }] }), false],
      ['a release', () => deploy(db, { app, by, digit: 'b', processTypes: { web: 's' } }), false],
    ];
    for (const [what, act, staysAsleep] of wakers) {
      fallAsleep(db, app.id);
      act();
      expect(isAsleep(), what).toBe(staysAsleep);
    }
  });
});

describe('autoscale', () => {
  const setting = { type: 'web', min: 1, max: 5, metric: 'p95', target: 500 } as const;

  test('is set, changed, listed and removed by process type', () => {
    const { test, app } = openWithApp();
    using _database = test;
    const { db } = test;
    setAutoscale(db, { app, ...setting });
    setAutoscale(db, { app, ...setting, max: 8, metric: 'rps', target: 40 });
    setAutoscale(db, { app, type: 'worker', min: 1, max: 2, metric: 'cpu', target: 70 });
    expect(listAutoscales(db)).toHaveLength(2);
    expect(getAutoscales(db, app.id).get('web')).toMatchObject({ max: 8, metric: 'rps', target: 40 });
    removeAutoscale(db, { app, type: 'web' });
    removeAutoscale(db, { app, type: 'web' });
    expect([...getAutoscales(db, app.id).keys()]).toEqual(['worker']);
  });

  test.each([
    ['a minimum of 0', { min: 0 }],
    ['a maximum under the minimum', { min: 3, max: 2 }],
    ['more than a formation holds', { max: 101 }],
    ['an unknown type', { type: 'clock', metric: 'cpu', target: 70 }],
    ['requests of a type that gets none', { type: 'worker' }],
    ['a p95 of nothing', { target: 0 }],
    ['no number', { target: Number.NaN }],
  ] as const)('refuses %s', (_what, changes) => {
    const { test, app } = openWithApp();
    using _database = test;
    expect(() => setAutoscale(test.db, { app, ...setting, ...changes })).toThrow(invalid);
  });

  test('ends when a user scales out of its bounds, and goes on within them', () => {
    const { test, app } = openWithApp();
    using _database = test;
    const { db } = test;
    setAutoscale(db, { app, ...setting });
    const scaleTo = (quantity: number) =>
      endAutoscaleOutside(db, { app, scaled: scale(db, { app, updates: [{ type: 'web', quantity }] }) });
    expect(scaleTo(5)).toEqual([]);
    expect(scaleTo(6)).toMatchObject([setting]);
    expect(listAutoscales(db)).toEqual([]);
  });
});
