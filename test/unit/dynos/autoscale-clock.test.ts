// What autoscale makes of a clock that jumps, with real settings in a real database.

import { expect, it } from 'vitest';
import { createScaler } from '../../../src/dynos/autoscale.js';
import { SCALING_TIMES } from '../../../src/dynos/autoscale-policy.js';
import type { DynoContainer } from '../../../src/dynos/dyno.js';
import { listAutoscales, setAutoscale } from '../../../src/platform/autoscale.js';
import { getFormation, scale } from '../../../src/platform/formation.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

const HOUR_MS = 3_600_000;

/** A web process of four dynos for up to 10 requests a second each, and the requests that it gets. */
function openScaled() {
  const test = openTestDatabase();
  const { db } = test;
  const { app, by } = addApp(db);
  deploy(db, { app, by, digit: 'a', processTypes: { web: 's' } });
  scale(db, { app, updates: [{ type: 'web', quantity: 4 }] });
  setAutoscale(db, { app, type: 'web', min: 1, max: 8, metric: 'rps', target: 10 });
  const since = db.now();
  let count = 0;
  const quantity = () => getFormation(db, app.id)[0]?.quantity ?? 0;
  const container = (number: number): DynoContainer => ({
    ...{ containerId: `c${number}`, appId: app.id, type: 'web', number, releaseVersion: 2, memoryBytes: 1 },
    ...{ restarts: 0, createdAt: since, isRunning: true, phase: 'up', ip: undefined },
  });
  const scaler = createScaler({
    db,
    dynoLog: { platform: () => undefined } as never,
    containersOf: () => Array.from({ length: quantity() }, (_, index) => container(index + 1)),
    times: SCALING_TIMES,
  });
  return {
    quantity,
    jump: test.advance,
    /** Serves so many requests a second for a while, looking as often as the platform does. */
    async serve(rate: number, seconds: number) {
      for (let passed = 0; passed < seconds; passed += 5) {
        test.advance(5000);
        count += rate * 5;
        const [setting] = listAutoscales(db);
        if (setting === undefined) throw new Error('the setting is gone');
        const apps = { [app.id]: { count, lastAt: db.now(), classes: [], buckets: [] } };
        await scaler.consider(setting, { since, apps });
      }
    },
    [Symbol.dispose]: () => test[Symbol.dispose](),
  };
}

it('scales down after a long calm, which it must to show anything below', async () => {
  using scaled = openScaled();
  await scaled.serve(1, 400);
  expect(scaled.quantity()).toBe(2);
});

it.each([
  ['forward', HOUR_MS],
  ['back', -HOUR_MS],
])('does not take a clock that jumps %s for a calm', async (_, ms) => {
  using scaled = openScaled();
  await scaled.serve(39, 100);
  scaled.jump(ms);
  await scaled.serve(39, 100);
  expect(scaled.quantity()).toBe(4);
});

it('goes on measuring when the clock was set back', async () => {
  using scaled = openScaled();
  await scaled.serve(39, 100);
  scaled.jump(-30 * 24 * HOUR_MS);
  await scaled.serve(60, 60);
  expect(scaled.quantity()).toBeGreaterThan(4);
});
