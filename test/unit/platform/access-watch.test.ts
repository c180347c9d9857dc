import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { watchAccess } from '../../../src/platform/access-watch.js';
import { destroyApp } from '../../../src/platform/apps.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

function begin() {
  const home = openTestDatabase();
  const { app, by } = addApp(home.db);
  const onLost = vi.fn();
  const log = pino({ enabled: false });
  const onWarning = vi.spyOn(log, 'warn');
  const watch = watchAccess(home.db, { app, by, log, onLost, lookMs: 5 });
  return { home, app, onLost, onWarning, watch };
}

it('tells when the app cannot be seen any more, and not before', async () => {
  const { home, app, onLost, onWarning, watch } = begin();
  using db = home;
  using _watch = watch;
  const look = vi.spyOn(db.db.sql, 'prepare');
  await vi.waitFor(() => expect(look.mock.calls.length).toBeGreaterThan(2));
  expect(onLost).not.toHaveBeenCalled();
  destroyApp(db.db, { app });
  await vi.waitFor(() => expect(onLost).toHaveBeenCalled());
  expect(onWarning).not.toHaveBeenCalled();
});

it('goes on when the database cannot be read', async () => {
  const { home, onLost, onWarning, watch } = begin();
  using _watch = watch;
  home[Symbol.dispose]();
  await vi.waitFor(() => expect(onWarning.mock.calls.length).toBeGreaterThan(1));
  expect(onLost).not.toHaveBeenCalled();
});

it('ends when it is disposed of', async () => {
  const { home, onWarning, watch } = begin();
  watch[Symbol.dispose]();
  home[Symbol.dispose]();
  const other = begin();
  other.home[Symbol.dispose]();
  // Of the same length, and begun later.
  await vi.waitFor(() => expect(other.onWarning).toHaveBeenCalled());
  other.watch[Symbol.dispose]();
  expect(onWarning).not.toHaveBeenCalled();
});
