// Stopped dynos stay down until their type is scaled or the app gets a new release: this takes the stop back. It also
// ends the sleep of web dynos: who scales or releases wants to see them run.

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';
import { wakeUp } from './autosleep.js';

/** Lets stopped and sleeping dynos of the app (or of one process type of it) start again. */
export function clearStops(db: Database, options: { appId: AppId; type?: string }): void {
  const { appId, type } = options;
  db.write(() => {
    db.sql
      .prepare('update dyno_wishes set stopped = 0 where app_id = ? and (? is null or type = ?)')
      .run(appId, type ?? null, type ?? null);
    if (type === undefined || type === 'web') wakeUp(db, appId);
  });
}
