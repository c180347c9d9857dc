// How a new release comes to run, with a real engine: the release command, and what happens meanwhile.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import type { App } from '../../src/platform/apps.js';
import { stopDynos } from '../../src/platform/dyno-wishes.js';
import { scale } from '../../src/platform/formation.js';
import { eventually, type House, openHouse } from '../support/house.js';

const WEB = 'exec python3 -m http.server $PORT --bind 0.0.0.0';

describe('a release that comes to run', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse();
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });

  const containersOf = async (app: App, role = 'dyno') =>
    (await house.engine.listContainers({ app: app.id })).filter(({ labels }) => labels[LABEL.role] === role);

  it('is live without the dynos that were stopped meanwhile', async () => {
    const app = house.createApp('stopped');
    await house.settle(await house.deploy(app, { web: WEB, worker: 'exec sleep 1000' }));
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1 }] });
    // Its web dyno takes a while, so that the worker is stopped before it is replaced.
    const release = await house.deploy(app, { web: `sleep 2; ${WEB}`, worker: 'exec sleep 1000' });
    stopDynos(house.db, { app, type: 'worker' });
    expect(await house.settle(release)).toBe('live');
    const alone = await house.deploy(app, { web: `sleep 2; ${WEB}`, worker: 'exec sleep 1000' });
    stopDynos(house.db, { app, type: 'worker' });
    stopDynos(house.db, { app, type: 'web' });
    expect(await house.settle(alone)).toBe('nothing-to-run');
    await eventually('none runs', async () => (await containersOf(app)).length === 0);
  });
});
