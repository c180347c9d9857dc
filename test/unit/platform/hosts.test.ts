import { describe, expect, it } from 'vitest';
import { addDomain } from '../../../src/platform/domains.js';
import { listShadowedHosts, requireFreeHost, settleHosts } from '../../../src/platform/hosts.js';
import { describeShadowedHosts } from '../../../src/upkeep/shadowed-hosts.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

const place = { platformHost: 'deploy.example.com', platformDomain: 'example.com' };
const before = { platformHost: 'localhost', platformDomain: 'localhost' };

describe('settleHosts', () => {
  it.each([
    ['apart', ['a.test', 'www.test'], ['b.test'], [['a.test', 'www.test'], ['b.test']], []],
    ['its own name again', ['a.test', 'a.test'], ['b.test'], [['a.test'], ['b.test']], []],
    [
      "another's own name",
      ['a.test', 'b.test'],
      ['b.test'],
      [['a.test'], ['b.test']],
      ['b.test of a: app b'],
    ],
    [
      "an earlier one's own name",
      ['a.test'],
      ['b.test', 'a.test'],
      [['a.test'], ['b.test']],
      ['a.test of b: app a'],
    ],
    [
      'one domain of both',
      ['a.test', 'w.test'],
      ['b.test', 'w.test'],
      [['a.test', 'w.test'], ['b.test']],
      ['w.test of b: app a'],
    ],
    [
      "the platform's",
      ['p.test'],
      ['b.test', 'p.test'],
      [[], ['b.test']],
      ['p.test of a: the platform itself', 'p.test of b: the platform itself'],
    ],
  ])('%s', (_what, a, b, hosts, told) => {
    const apps = [
      { id: '1', name: 'a', hosts: a },
      { id: '2', name: 'b', hosts: b },
    ];
    const { settled, shadowed } = settleHosts(apps, 'p.test');
    expect(settled.map((app) => app.hosts)).toEqual(hosts);
    expect(shadowed.map(({ appName, hostname, holder }) => `${hostname} of ${appName}: ${holder}`)).toEqual(
      told,
    );
  });
});

describe('after a change of the domain', () => {
  it("an app's domains that are names of others are told", () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db, 'blog');
    addApp(test.db, 'shop');
    for (const name of ['blog', 'shop', 'deploy', 'www'])
      addDomain(test.db, { app, hostname: `${name}.example.com`, ...before });
    const shadowed = listShadowedHosts(test.db, place);
    expect(shadowed.map(({ hostname, holder }) => [hostname, holder])).toEqual([
      ['deploy.example.com', 'the platform itself'],
      ['shop.example.com', 'app shop'],
    ]);
    expect(describeShadowedHosts(shadowed)).toMatchObject({
      status: 'warn',
      detail:
        'deploy.example.com of app blog leads to the platform itself, shop.example.com of app blog leads to app shop',
    });
    expect(describeShadowedHosts([]).status).toBe('ok');
  });

  it("no app takes the platform's host or a domain of another", () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db, 'blog');
    const other = addApp(test.db, 'other').app;
    addDomain(test.db, { app, hostname: 'www.example.com', ...before });
    const asking = (name: string, of?: typeof app) => () =>
      requireFreeHost(test.db, { name, ...(of && { app: of }), ...place });
    expect(asking('deploy')).toThrow(expect.objectContaining({ id: 'invalid_app_name' }));
    expect(asking('www')).toThrow(expect.objectContaining({ id: 'conflict' }));
    expect(asking('www', other)).toThrow(expect.objectContaining({ id: 'conflict' }));
    expect(asking('www', app)).not.toThrow();
    expect(asking('new')).not.toThrow();
  });
});
