// Autosleep: the web dynos of an app that nobody asks for stop, and the next request wakes them. Sleeping is a state
// beside the formation: how many dynos the user wants stays as it is.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { AppId } from '../ids.js';
import type { App } from './apps.js';

export interface Autosleep {
  readonly appId: AppId;
  /** How long nobody asked for the app before it sleeps. */
  readonly afterMs: number;
  /** Epoch ms of the last change of the setting. */
  readonly updatedAt: number;
  /** Epoch ms; undefined: it is awake. */
  readonly asleepSince: number | undefined;
}

const MIN_AFTER_MS = 1000;
const MAX_AFTER_MS = 30 * 24 * 3_600_000;

/** Switches autosleep on, or changes after how long. Throws `invalid_params` outside 1 second to 30 days. */
export function setAutosleep(db: Database, options: { app: App; afterMs: number }): Autosleep {
  const { app, afterMs } = options;
  if (!(Number.isInteger(afterMs) && afterMs >= MIN_AFTER_MS && afterMs <= MAX_AFTER_MS)) {
    throw new PaasError('invalid_params', 'An app can sleep after 1 second to 30 days without a request.', {
      hint: `Like: paas ps:autosleep web --after 30m -a ${app.name}`,
    });
  }
  return db.write((announce) => {
    db.sql
      .prepare(
        `insert into autosleep (app_id, after_ms, updated_at) values (?, ?, ?)
         on conflict (app_id) do update set after_ms = excluded.after_ms, updated_at = excluded.updated_at`,
      )
      .run(app.id, afterMs, db.now());
    announce({ kind: 'formation-changed', appId: app.id });
    return {
      appId: app.id,
      afterMs,
      updatedAt: db.now(),
      asleepSince: getAutosleep(db, app.id)?.asleepSince,
    };
  });
}

/** Switches autosleep off: a sleeping app starts. Safe to call twice. */
export function removeAutosleep(db: Database, app: App): void {
  db.write((announce) => {
    db.sql.prepare('delete from autosleep where app_id = ?').run(app.id);
    announce({ kind: 'formation-changed', appId: app.id });
  });
}

/** The setting and the state of an app; undefined when it never sleeps. */
export function getAutosleep(db: Database, appId: AppId): Autosleep | undefined {
  const row = db.sql.prepare(`${SELECT} where app_id = ?`).get(appId);
  return row === undefined ? undefined : present(row as Row);
}

/** Of all apps that may sleep. */
export function listAutosleeps(db: Database): Autosleep[] {
  return (db.sql.prepare(SELECT).all() as Row[]).map(present);
}

/** Puts an app to sleep; false when it sleeps already or never does. Forgets crashes of its web dynos. */
export function fallAsleep(db: Database, appId: AppId): boolean {
  return db.write((announce) => {
    const { changes } = db.sql
      .prepare('update autosleep set asleep_since = ? where app_id = ? and asleep_since is null')
      .run(db.now(), appId);
    if (changes === 0) return false;
    // An old crash would have the first request answered with an error page.
    db.sql.prepare(`delete from dyno_crashes where app_id = ? and type = 'web'`).run(appId);
    announce({ kind: 'formation-changed', appId });
    return true;
  });
}

/** Ends the sleep of an app; false when it was awake. */
export function wakeUp(db: Database, appId: string): boolean {
  // Many requests ask at once: all but the first write nothing.
  const isAsleep = db.sql.prepare('select 1 from autosleep where app_id = ? and asleep_since is not null');
  if (isAsleep.get(appId) === undefined) return false;
  return db.write((announce) => {
    db.sql.prepare('update autosleep set asleep_since = null where app_id = ?').run(appId);
    announce({ kind: 'formation-changed', appId });
    return true;
  });
}

const SELECT =
  'select app_id as appId, after_ms as afterMs, updated_at as updatedAt, asleep_since as asleepSince from autosleep';

type Row = Omit<Autosleep, 'asleepSince'> & { readonly asleepSince: number | null };

function present(row: Row): Autosleep {
  return { ...row, asleepSince: row.asleepSince ?? undefined };
}
