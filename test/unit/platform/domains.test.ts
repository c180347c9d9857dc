import { describe, expect, it } from 'vitest';
import {
  addDomain,
  checkHostname,
  findDomain,
  listDomains,
  removeDomain,
} from '../../../src/platform/domains.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

const platform = { platformDomain: 'apps.example.com', platformHost: 'paas.apps.example.com' };
const invalid = (message: RegExp) =>
  expect.objectContaining({ id: 'invalid_params', status: 422, message: expect.stringMatching(message) });

describe('a host name', () => {
  it.each([
    ['www.example.org', 'www.example.org'],
    ['WWW.Example.ORG', 'www.example.org'],
    ['a.test', 'a.test'],
    ['1.2.example', '1.2.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    [`${'a'.repeat(63)}.test`, `${'a'.repeat(63)}.test`],
  ])('%s is %s', (text, expected) => {
    expect(checkHostname(text)).toBe(expected);
  });

  it.each([
    '',
    'localhost',
    'test',
    '*',
    '*.test',
    'a.*.b',
    '**.b',
    '*.a.test',
    'http://a.test',
    'https://a.test/',
    'a.test/x',
    'a.test:80',
    ' a.test',
    'a.test ',
    'a.test\n',
    '\na.test',
    'a.test\t',
    'ex;show version',
    'ex.test;show version',
    'a.test\nbackend x',
    '${HOME}',
    '${HOME}.test',
    '%[src]',
    '%[src].test',
    'a.test#',
    'a..test',
    '.a.test',
    'a.test.',
    '-a.test',
    'a-.test',
    'a_b.test',
    '127.0.0.1',
    '[::1]',
    '::1',
    '1.2.3.4',
    '0x7f.1',
    '127.1',
    'user@a.test',
    'a.test\0',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(130)}test`,
    'a.test／x',
    'a"b.test',
    'a\\b.test',
    "a'b.test",
    'a,b.test',
    'a b.test',
  ])('is not %j', (text) => {
    expect(() => checkHostname(text)).toThrow(invalid(/is not a host name/));
  });
});

describe('domains of an app', () => {
  it('are added, listed by name and removed by name, other spelling or id', () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    const seen: string[] = [];
    test.db.onChange((change) => seen.push(change.kind));
    const add = (hostname: string) => addDomain(test.db, { app, hostname, ...platform });
    add('www.example.org');
    const second = add('API.example.org');
    add('bücher.example');
    expect(listDomains(test.db, app.id).map((domain) => domain.hostname)).toEqual([
      'api.example.org',
      'www.example.org',
      'xn--bcher-kva.example',
    ]);
    expect(findDomain(test.db, app, 'WWW.example.org').hostname).toBe('www.example.org');
    removeDomain(test.db, { app, hostname: second.id });
    removeDomain(test.db, { app, hostname: 'WWW.EXAMPLE.org' });
    removeDomain(test.db, { app, hostname: 'Bücher.example' });
    expect(listDomains(test.db, app.id)).toEqual([]);
    expect(seen).toEqual(Array(6).fill('domains-changed'));
  });

  it.each([
    'apps.example.com',
    'paas.apps.example.com',
    'other.apps.example.com',
    'a.b.apps.example.com',
    'APPS.example.com',
  ])("are never the platform's own: %s", (hostname) => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    expect(() => addDomain(test.db, { app, hostname, ...platform })).toThrow(
      invalid(/belongs to the platform/),
    );
  });

  it("may end like the platform's without being below it", () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    expect(addDomain(test.db, { app, hostname: 'myapps.example.com', ...platform }).hostname).toBe(
      'myapps.example.com',
    );
  });

  it('belong to one app', () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    const other = addApp(test.db, 'other').app;
    const domain = addDomain(test.db, { app, hostname: 'www.example.org', ...platform });
    const again = (taker: typeof app) => () =>
      addDomain(test.db, { app: taker, hostname: 'WWW.example.org', ...platform });
    expect(again(app)).toThrow(
      expect.objectContaining({ id: 'conflict', message: expect.stringContaining('on shop already') }),
    );
    expect(again(other)).toThrow(
      expect.objectContaining({ id: 'conflict', message: expect.stringContaining('in use by another app') }),
    );
    expect(() => removeDomain(test.db, { app: other, hostname: domain.id })).toThrow(
      expect.objectContaining({ id: 'not_found' }),
    );
    expect(listDomains(test.db, app.id)).toHaveLength(1);
  });

  it('are 1,000 at most', () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    test.db.write(() => {
      for (let n = 0; n < 1000; n++) addDomain(test.db, { app, hostname: `n${n}.example.org`, ...platform });
    });
    expect(() => addDomain(test.db, { app, hostname: 'n1000.example.org', ...platform })).toThrow(
      invalid(/at most 1000 domains/),
    );
  });
});
