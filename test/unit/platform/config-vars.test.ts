import { describe, expect, it } from 'vitest';
import { changeConfig, getConfig } from '../../../src/platform/config-vars.js';
import { getReleaseConfig, listReleases } from '../../../src/platform/releases.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

const invalid = (message: RegExp) =>
  expect.objectContaining({ id: 'invalid_params', status: 422, message: expect.stringMatching(message) });

describe('config vars', () => {
  it('of one call make one release that names the keys and never the values', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const release = changeConfig(test.db, { app, by, updates: { B: 'secret-b', A: 'secret-a' } });
    expect(release).toMatchObject({ version: 2, description: 'Set B, A config vars' });
    const removal = changeConfig(test.db, { app, by, updates: { A: null, C: '3' } });
    expect(removal?.description).toBe('Set C config vars, Remove A config vars');
    expect(getConfig(test.db, app.id)).toEqual({ B: 'secret-b', C: '3' });
    expect(getReleaseConfig(test.db, release?.id ?? removal?.id ?? expect.unreachable())).toEqual({
      A: 'secret-a',
      B: 'secret-b',
    });
  });

  it('that do not change make no release', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    changeConfig(test.db, { app, by, updates: { A: '1' } });
    for (const updates of [{}, { A: '1' }, { NOT_THERE: null }]) {
      expect(changeConfig(test.db, { app, by, updates })).toBeUndefined();
    }
    expect(listReleases(test.db, app.id)).toHaveLength(2);
  });

  it.each([
    ['lines', 'a\nb\r\nc\n'],
    ['an equals sign', 'a=b=c'],
    ['quotes', `'"\``],
    ['emoji', '🌈'],
    ['trailing space', ' x '],
    ['nothing', ''],
    ['a reference', '${B_SECRET}'],
    ['shell', '$(touch /tmp/pwn)'],
    ['64 KiB', 'x'.repeat(65_536)],
    ['the word null', 'null'],
  ])('come back byte for byte: %s', (_, value) => {
    const first = openTestDatabase();
    const { app, by } = addApp(first.db);
    changeConfig(first.db, { app, by, updates: { KEY: value } });
    using test = first.reopen();
    expect(getConfig(test.db, app.id)).toEqual({ KEY: value });
  });

  it.each(['PATH', 'LD_PRELOAD', 'DOCKER_HOST', 'BUILDPACK_URL', '_x', 'a', 'K'.repeat(128), 'constructor'])(
    'may be called %s',
    (key) => {
      using test = openTestDatabase();
      const { app, by } = addApp(test.db);
      changeConfig(test.db, { app, by, updates: { [key]: 'v' } });
      expect(getConfig(test.db, app.id)).toEqual({ [key]: 'v' });
    },
  );

  it.each([
    ['PORT', /PORT is reserved/],
    ['DYNO', /DYNO is reserved/],
    ['', /is invalid/],
    ['1A', /is invalid/],
    ['A B', /is invalid/],
    ['A=B', /is invalid/],
    ['A-B', /is invalid/],
    ['A\n', /is invalid/],
    ['Ä', /is invalid/],
    ['K'.repeat(129), /is invalid/],
    ['A;id', /is invalid/],
  ])('may not be called %j', (key, message) => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    expect(() => changeConfig(test.db, { app, by, updates: { GOOD: '1', [key]: 'v' } })).toThrow(
      invalid(message),
    );
    expect(getConfig(test.db, app.id)).toEqual({});
  });

  it('may not be called __proto__', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const updates = JSON.parse('{"__proto__": "x"}') as Record<string, string>;
    expect(() => changeConfig(test.db, { app, by, updates })).toThrow(invalid(/is invalid/));
  });

  it.each([
    ['a NUL byte', 'canary\0', /KEY holds a NUL byte/],
    ['half a surrogate pair', 'canary\ud800', /KEY is not valid Unicode/],
    ['more than 64 KiB', 'canary'.repeat(11_000), /KEY is larger than 64 KiB/],
  ])('may not hold %s, and the error does not show it', (_, value, message) => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const change = () => changeConfig(test.db, { app, by, updates: { KEY: value } });
    expect(change).toThrow(invalid(message));
    expect(change).not.toThrow(/canary/);
  });

  it('are 1,000 at most, and 512 KiB together', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const many = (count: number, value: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`K${n}`, value]));
    expect(() => changeConfig(test.db, { app, by, updates: many(1001, '') })).toThrow(
      invalid(/at most 1000 config vars; this would make 1001/),
    );
    expect(() => changeConfig(test.db, { app, by, updates: many(9, 'x'.repeat(65_000)) })).toThrow(
      invalid(/at most 512 KiB/),
    );
    changeConfig(test.db, { app, by, updates: many(1000, '') });
    expect(() => changeConfig(test.db, { app, by, updates: { ONE_MORE: '' } })).toThrow(
      invalid(/this would make 1001/),
    );
    expect(changeConfig(test.db, { app, by, updates: { K0: null, ONE_MORE: '' } })?.version).toBe(3);
  });
});
