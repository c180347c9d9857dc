import { expect, it } from 'vitest';
import { destroyApp } from '../../../src/platform/apps.js';
import { hasPassed, keepPassed, markPassed } from '../../../src/platform/passed-dynos.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

const NOW = Date.now() + 60_000;

it('keeps which containers came up, until they are removed or their app is', () => {
  using test = openTestDatabase();
  const { db } = test;
  const { app } = addApp(db);
  const passed = () =>
    ['one', 'two', 'three'].filter((containerId) => hasPassed(db, { containerId, createdAt: NOW }));
  for (const containerId of ['one', 'one', 'two']) markPassed(db, { containerId, appId: app.id });
  expect(passed()).toEqual(['one', 'two']);
  keepPassed(db, (containerId) => containerId !== 'one');
  expect(passed()).toEqual(['two']);
  destroyApp(db, { app });
  expect(passed()).toEqual([]);
  markPassed(db, { containerId: 'three', appId: app.id });
  expect(passed()).toEqual([]);
});

it('counts a container as passed that is older than what is kept', () => {
  using test = openTestDatabase();
  const { db } = test;
  expect(hasPassed(db, { containerId: 'old', createdAt: Date.now() - 60_000 })).toBe(true);
});
