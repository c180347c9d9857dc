import Sqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { createAppWishes } from '../../../src/dynos/app-wishes.js';
import { scale } from '../../../src/platform/formation.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

it('reads an app again only after some row has changed, whoever changed it', () => {
  using test = openTestDatabase();
  const { db } = test;
  const { app, by } = addApp(db);
  const wishesOf = createAppWishes(db);
  expect(wishesOf(app.id)).toMatchObject({ releaseVersion: undefined, formation: [], isAsleep: false });
  const release = deploy(db, { app, by, digit: '1' });
  const before = wishesOf(app.id);
  expect(before).toMatchObject({ releaseVersion: release.version, customHosts: [], isCycling: false });
  expect(wishesOf(app.id)).toBe(before);
  scale(db, { app, updates: [{ type: 'web', quantity: 3 }] });
  expect(wishesOf(app.id).formation).toMatchObject([{ type: 'web', quantity: 3 }]);
  const other = new Sqlite(test.path);
  other.prepare('update formation set quantity = 5').run();
  other.close();
  expect(wishesOf(app.id).formation).toMatchObject([{ type: 'web', quantity: 5 }]);
});

it('keeps nothing of a transaction that is not committed', () => {
  using test = openTestDatabase();
  const { db } = test;
  const { app, by } = addApp(db);
  deploy(db, { app, by, digit: '1' });
  const wishesOf = createAppWishes(db);
  const before = wishesOf(app.id);
  const undo = () =>
    db.write(() => {
      scale(db, { app, updates: [{ type: 'web', quantity: 7 }] });
      expect(wishesOf(app.id).formation).toMatchObject([{ quantity: 7 }]);
      throw new Error('not after all');
    });
  expect(undo).toThrow('not after all');
  expect(wishesOf(app.id)).toEqual(before);
});
