// Destroyed apps whose log lines may still be kept: `destroyApp` notes them, whoever deletes the lines strikes them out.
// docs/decisions/0219-log-lines-go-with-their-app.md

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';

/** Ids of the apps, the one that was destroyed first first. */
export function listForgottenApps(db: Database): AppId[] {
  // Only ids of apps are written there.
  return db.sql
    .prepare('select app_id from forgotten_apps order by destroyed_at, app_id')
    .pluck()
    .all() as AppId[];
}

/** Nothing of the app's log is kept any more, and nothing comes after. Fine to call twice. */
export function strikeOutForgottenApp(db: Database, appId: AppId): void {
  db.write(() => db.sql.prepare('delete from forgotten_apps where app_id = ?').run(appId));
}
