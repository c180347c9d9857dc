// Host names that more than one may claim: after a change of the platform's domain, domains of apps may be the names
// of other apps, or of the platform itself.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { addDomain } from '../../src/platform/domains.js';
import { eventually, type House, openHouse, requestAs } from '../support/house.js';

let house: House;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(async () => {
  await house?.[Symbol.asyncDispose]();
});

it('routes every app although domains of one are names of its own and of another', async () => {
  const blog = house.createApp('blog');
  // As they were added when the platform was elsewhere.
  const before = { platformDomain: 'before.test', platformHost: 'paas.before.test' };
  for (const hostname of ['blog.localhost', 'shop.localhost', 'www.example.com']) {
    addDomain(house.db, { app: blog, hostname, ...before });
  }
  const shop = house.createApp('shop');
  const isBlank = async (host: string) =>
    (await requestAs(host, house.httpPort, '/')).body.includes('No code was deployed');
  for (const host of ['blog.localhost', 'shop.localhost', 'www.example.com'])
    await eventually(host, () => isBlank(host));
  // A dyno of its own name's app, not of whoever had it as a domain.
  await house.settle(await house.deploy(shop, { web: 'python3 -m http.server $PORT' }));
  await eventually('the other app itself', async () => (await house.request(shop)).status === 200);
  expect(await isBlank('blog.localhost')).toBe(true);
});
