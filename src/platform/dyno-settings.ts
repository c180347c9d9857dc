// Settings of how an app's dynos are kept: automatic rollback, time to end in, daily cycling.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { AppId } from '../ids.js';
import type { App } from './apps.js';

/** What an app has of its own; undefined: as the install. */
export interface DynoSettings {
  /** How long a release is watched after it went live; 0: it is never rolled back automatically. */
  readonly rollbackWindowMs: number | undefined;
  /** Time between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number | undefined;
  /** Whether dynos are replaced once a day. */
  readonly cycling: boolean;
}

const MAX_WINDOW_MS = 24 * 3_600_000;
const MAX_GRACE_MS = 600_000;

export function getDynoSettings(db: Database, appId: AppId): DynoSettings {
  const row = db.sql
    .prepare('select rollback_window_ms, stop_grace_ms, cycling from dyno_settings where app_id = ?')
    .get(appId) as
    | { rollback_window_ms: number | null; stop_grace_ms: number | null; cycling: number }
    | undefined;
  return {
    rollbackWindowMs: row?.rollback_window_ms ?? undefined,
    stopGraceMs: row?.stop_grace_ms ?? undefined,
    cycling: row?.cycling === 1,
  };
}

/** Changes settings; undefined leaves one, null goes back to that of the install. Throws `invalid_params`. */
export function changeDynoSettings(
  db: Database,
  options: {
    app: App;
    rollbackWindowMs?: number | null | undefined;
    stopGraceMs?: number | null | undefined;
    cycling?: boolean | undefined;
  },
): DynoSettings {
  const { app } = options;
  checkMs('The window of automatic rollback', options.rollbackWindowMs, MAX_WINDOW_MS);
  checkMs('The time to end in', options.stopGraceMs, MAX_GRACE_MS);
  return db.write((announce) => {
    const before = getDynoSettings(db, app.id);
    const pick = (wish: number | null | undefined, present: number | undefined) =>
      wish === undefined ? (present ?? null) : wish;
    db.sql
      .prepare(
        `insert into dyno_settings (app_id, rollback_window_ms, stop_grace_ms, cycling) values (?, ?, ?, ?)
         on conflict (app_id) do update set rollback_window_ms = excluded.rollback_window_ms,
           stop_grace_ms = excluded.stop_grace_ms, cycling = excluded.cycling`,
      )
      .run(
        app.id,
        pick(options.rollbackWindowMs, before.rollbackWindowMs),
        pick(options.stopGraceMs, before.stopGraceMs),
        (options.cycling ?? before.cycling) ? 1 : 0,
      );
    announce({ kind: 'app-changed', appId: app.id });
    return getDynoSettings(db, app.id);
  });
}

function checkMs(what: string, ms: number | null | undefined, max: number): void {
  if (ms === undefined || ms === null || (Number.isInteger(ms) && ms >= 0 && ms <= max)) return;
  throw new PaasError('invalid_params', `${what} must be from 0 to ${max / 1000} seconds.`);
}
