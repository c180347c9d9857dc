// Stopped dynos stay down until their type is scaled or the app gets a new release: this takes the stop back.

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';

/** Lets stopped dynos of the app (or of one process type of it) start again. */
export function clearStops(db: Database, options: { appId: AppId; type?: string }): void {
  db.write(() =>
    db.sql
      .prepare('update dyno_wishes set stopped = 0 where app_id = ? and (? is null or type = ?)')
      .run(options.appId, options.type ?? null, options.type ?? null),
  );
}
