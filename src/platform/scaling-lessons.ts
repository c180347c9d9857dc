// What autoscale has learnt of a process type: kept from one change of quantity to the next, so that a daemon that starts
// does not try again what was too much. A change of the setting forgets it.

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';

export interface ScalingLessons {
  /** Epoch ms of the last time that dynos were taken away. */
  readonly lastDownAt?: number | undefined;
  /** The calm that the next down needs, in ms. */
  readonly calmMs: number;
  /** Requests a second and dyno that were too much, and when (epoch ms). */
  readonly tooMuch?: { readonly rate: number; readonly at: number } | undefined;
}

/** Undefined before the first change. */
export function getScalingLessons(
  db: Database,
  place: { appId: AppId; type: string },
): ScalingLessons | undefined {
  const row = db.sql
    .prepare('select lessons from scaling_lessons where app_id = ? and type = ?')
    .get(place.appId, place.type) as { lessons: string } | undefined;
  // Only keepScalingLessons writes it.
  return row && (JSON.parse(row.lessons) as ScalingLessons);
}

/** Does nothing when autoscale of the process type is off. */
export function keepScalingLessons(
  db: Database,
  place: { appId: AppId; type: string },
  { lastDownAt, calmMs, tooMuch }: ScalingLessons,
): void {
  db.write(() =>
    db.sql
      .prepare(
        `insert into scaling_lessons (app_id, type, lessons)
         select app_id, type, ? from autoscale where app_id = ? and type = ?
         on conflict (app_id, type) do update set lessons = excluded.lessons`,
      )
      .run(JSON.stringify({ lastDownAt, calmMs, tooMuch }), place.appId, place.type),
  );
}

/** Forgets them: they were learnt with another target. */
export function forgetScalingLessons(db: Database, place: { appId: AppId; type: string }): void {
  db.write(() =>
    db.sql.prepare('delete from scaling_lessons where app_id = ? and type = ?').run(place.appId, place.type),
  );
}
