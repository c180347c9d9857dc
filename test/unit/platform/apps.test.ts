import { describe, expect, it } from 'vitest';
import { randomAppName } from '../../../src/platform/app-names.js';
import {
  checkAppName,
  createApp,
  destroyApp,
  findAppFor,
  getApp,
  listApps,
  listAppsFor,
  renameApp,
  updateApp,
} from '../../../src/platform/apps.js';
import { changeConfig } from '../../../src/platform/config-vars.js';
import { addDomain } from '../../../src/platform/domains.js';
import { scale } from '../../../src/platform/formation.js';
import { listReleases } from '../../../src/platform/releases.js';
import { addAccount, addApp, deploy, openTestDatabase } from '../../support/test-database.js';

const good = ['ab', 'a1', 'my-app', 'a-b-c', 'a'.repeat(30), 'node'];
const bad = [
  '',
  'a',
  'a'.repeat(31),
  'app$(id)',
  'app`id`',
  'app|cat',
  'a&b',
  'a>b',
  'a;b',
  "a'b",
  'app\n',
  '\napp',
  'app\tx',
  'app x',
  '-app',
  'app-',
  '1app',
  'a--b',
  '../b',
  'a/b',
  '.git',
  '..',
  'App',
  'äpp',
  'a_b',
  'a.b',
  'app\0',
];
const reserved = ['con', 'admin', 'api', 'www', 'git', 'static', 'localhost', 'paas', 'dashboard'];

describe('an app name', () => {
  it.each(good)('may be %j', (name) => {
    expect(checkAppName(name)).toBe(name);
  });

  it.each(bad)('may not be %j', (name) => {
    expect(() => checkAppName(name)).toThrow(
      expect.objectContaining({ id: 'invalid_app_name', status: 422 }),
    );
  });

  it.each(reserved)('may not be %j, which the platform needs', (name) => {
    expect(() => checkAppName(name)).toThrow(
      expect.objectContaining({ id: 'invalid_app_name', message: expect.stringContaining('reserved') }),
    );
  });

  it('made at random is always valid', () => {
    for (let n = 0; n < 2000; n++) checkAppName(randomAppName());
  });
});

describe('an app', () => {
  it('begins with release v1 and no code', () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    expect(listReleases(test.db, app.id)).toMatchObject([
      { version: 1, description: 'Initial release', image: undefined, status: 'succeeded', current: true },
    ]);
    expect(app).toMatchObject({
      name: 'shop',
      maintenance: false,
      buildpacks: [],
      ownerEmail: 'shop@example.com',
    });
  });

  it('gets a random name when none is given', () => {
    using test = openTestDatabase();
    const owner = addAccount(test.db);
    expect(createApp(test.db, { owner }).name).toMatch(/^[a-z]+-[a-z]+-\d{5}$/);
  });

  it('keeps its name for itself', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const { app: other } = addApp(test.db, 'other');
    const taken = expect.objectContaining({
      id: 'conflict',
      message: expect.stringContaining('"shop" is already taken'),
    });
    expect(() => createApp(test.db, { name: 'shop', owner: by })).toThrow(taken);
    expect(() => renameApp(test.db, { app: other, name: 'shop' })).toThrow(taken);
    expect(renameApp(test.db, { app, name: 'store' }).name).toBe('store');
    expect(createApp(test.db, { name: 'shop', owner: by }).name).toBe('shop');
  });

  it('is seen by its owner, a collaborator and an admin; to others it does not exist', () => {
    using test = openTestDatabase();
    const { app, by } = addApp(test.db);
    const stranger = addAccount(test.db, 'stranger@example.com');
    const admin = addAccount(test.db, 'root@example.com', true);
    const missing = (who: typeof by, name: string) => () => findAppFor(test.db, who, name);
    const notFound = expect.objectContaining({ id: 'not_found', message: "Couldn't find that app." });
    for (const who of [by, admin]) {
      expect(findAppFor(test.db, who, 'shop').id).toBe(app.id);
      expect(findAppFor(test.db, who, app.id).id).toBe(app.id);
      expect(listAppsFor(test.db, who).map((one) => one.name)).toEqual(['shop']);
    }
    expect(missing(stranger, 'shop')).toThrow(notFound);
    expect(missing(stranger, app.id)).toThrow(notFound);
    expect(missing(by, 'nothing')).toThrow(notFound);
    expect(missing(by, "' or 1=1 --")).toThrow(notFound);
    expect(listAppsFor(test.db, stranger)).toEqual([]);
    test.db.write(() =>
      test.db.sql
        .prepare('insert into collaborators (app_id, account_id, created_at) values (?, ?, 0)')
        .run(app.id, stranger.id),
    );
    expect(findAppFor(test.db, stranger, 'shop').id).toBe(app.id);
  });

  it('changes settings one by one', () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    expect(updateApp(test.db, { app, maintenance: true })).toMatchObject({
      maintenance: true,
      healthPath: undefined,
    });
    const healthy = updateApp(test.db, { app: getApp(test.db, app.id) ?? app, healthPath: '/up' });
    expect(healthy).toMatchObject({ maintenance: true, healthPath: '/up' });
    expect(updateApp(test.db, { app: healthy, healthPath: null })).toMatchObject({ healthPath: undefined });
  });

  it('goes with all that belongs to it, and frees its name and domains', () => {
    using test = openTestDatabase();
    const seen: string[] = [];
    const { app, by } = addApp(test.db);
    deploy(test.db, { app, by, digit: 'a' });
    changeConfig(test.db, { app, by, updates: { A: '1' } });
    scale(test.db, { app, updates: [{ type: 'web', quantity: 2 }] });
    const domain = { hostname: 'www.example.com', platformDomain: 'localhost', platformHost: 'localhost' };
    addDomain(test.db, { app, ...domain });
    test.db.onChange((change) => seen.push(change.kind));
    destroyApp(test.db, { app });
    expect(seen).toEqual(['app-destroyed']);
    expect(getApp(test.db, app.id)).toBeUndefined();
    expect(listApps(test.db)).toEqual([]);
    for (const table of ['releases', 'formation', 'domains', 'builds', 'dyno_wishes']) {
      expect(test.db.sql.prepare(`select count(*) from ${table}`).pluck().get(), table).toBe(0);
    }
    const again = createApp(test.db, { name: 'shop', owner: by });
    addDomain(test.db, { app: again, ...domain });
    expect(listReleases(test.db, again.id)).toHaveLength(1);
  });
});
