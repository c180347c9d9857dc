// Starts of dynos that go wrong, and what others notice of it: nothing.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { App } from '../../src/platform/apps.js';
import { scale } from '../../src/platform/formation.js';
import { eventually, type House, openHouse } from '../support/house.js';

const WEB = 'exec python3 -m http.server $PORT --bind 0.0.0.0';

let house: House;
beforeAll(async () => {
  house = await openHouse({ bootTimeoutMs: 600_000 });
});
afterAll(async () => {
  await house?.[Symbol.asyncDispose]();
});

it('starts an app while another has more dynos that never come up than may boot at once', async () => {
  const stuck = house.createApp('stuck');
  await house.deploy(stuck, { web: 'exec sleep 600' });
  scaleWeb(stuck, 12);
  await eventually('ten of its containers', async () => (await containers(stuck)) >= 10);
  const quick = house.createApp('quick');
  expect(await house.settle(await house.deploy(quick, { web: WEB }))).toBe('live');
  // They wait and do not work, so they keep their own app's from starting no more than others'.
  await eventually('all of its containers', async () => (await containers(stuck)) === 12);
  scaleWeb(stuck, 0);
  await eventually('none of its containers', async () => (await containers(stuck)) === 0, 60_000);
});

function scaleWeb(app: App, quantity: number): void {
  scale(house.db, { app, updates: [{ type: 'web', quantity }] });
}

async function containers(app: App): Promise<number> {
  return (await house.engine.listContainers({ app: app.id })).filter(({ state }) => state === 'running')
    .length;
}
