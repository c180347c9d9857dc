// What users ask of single dynos (restart, stop), and how often a dyno crashed. The loop makes it so.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { AppId } from '../ids.js';
import type { App } from './apps.js';
import { wakeUp } from './autosleep.js';
import { type FormationEntry, getFormation } from './formation.js';
import type { IncidentKind } from './incidents.js';

export interface DynoWish {
  readonly type: string;
  readonly number: number;
  /** How often its restart was asked for: a container that was made for fewer is to be replaced. */
  readonly restarts: number;
  /** Stays down until restarted, scaled or released anew. */
  readonly stopped: boolean;
}

export interface DynoCrashes {
  readonly type: string;
  readonly number: number;
  readonly releaseVersion: number;
  /** In a row. */
  readonly count: number;
  /** Epoch ms. */
  readonly lastAt: number;
  /** Of the last one. */
  readonly kind: IncidentKind;
  /** What is said of it, such as `Process exited with status 1`. */
  readonly reason: string;
}

/** Asks for new containers: of one dyno, of a process type, or of the whole app. Clears its crashes. Throws `not_found`. */
export function restartDynos(
  db: Database,
  options: { app: App; type?: string | undefined; number?: number | undefined },
): void {
  setWishes(db, options, { restarts: 1, stopped: 0 });
}

/** Asks for dynos to be stopped until they are restarted. Throws `not_found`. */
export function stopDynos(
  db: Database,
  options: { app: App; type: string; number?: number | undefined },
): void {
  setWishes(db, options, { restarts: 0, stopped: 1 });
}

export function listDynoWishes(db: Database, appId: AppId): DynoWish[] {
  const rows = db.sql
    .prepare('select type, number, restarts, stopped from dyno_wishes where app_id = ?')
    .all(appId) as { type: string; number: number; restarts: number; stopped: number }[];
  return rows.map((row) => ({ ...row, stopped: row.stopped === 1 }));
}

/**
 * Counts one more crash in a row of a dyno; a crash under another release starts at one. Returns the count, or
 * undefined when the crash of this container is counted already.
 */
export function recordCrash(
  db: Database,
  crash: {
    appId: AppId;
    type: string;
    number: number;
    releaseVersion: number;
    /** Undefined when none could be made. */
    containerId?: string | undefined;
    /** It had shown that it works: whatever was before it, this crash is a first one. */
    wasProven?: boolean | undefined;
    kind?: IncidentKind;
    reason: string;
  },
): number | undefined {
  return db.write(() => {
    const count = db.sql
      .prepare(
        `insert into dyno_crashes (app_id, type, number, release_version, count, last_at, kind, reason, container_id)
         select id, ?, ?, ?, 1, ?, ?, ?, ? from apps where id = ?
         on conflict (app_id, type, number) do update set
           count = case when release_version = excluded.release_version and not ? then count + 1 else 1 end,
           release_version = excluded.release_version, last_at = excluded.last_at, kind = excluded.kind, reason = excluded.reason,
           container_id = excluded.container_id
         where container_id is null or excluded.container_id is null or container_id <> excluded.container_id
         returning count`,
      )
      .pluck()
      .get(
        crash.type,
        crash.number,
        crash.releaseVersion,
        db.now(),
        crash.kind ?? 'crashed',
        crash.reason,
        crash.containerId ?? null,
        crash.appId,
        crash.wasProven ? 1 : 0,
      ) as number | undefined;
    return count;
  });
}

export function listCrashes(db: Database, appId: AppId): DynoCrashes[] {
  const rows = db.sql
    .prepare(
      `select type, number, release_version as releaseVersion, count, last_at as lastAt, kind, reason
       from dyno_crashes where app_id = ?`,
    )
    .all(appId);
  return rows as DynoCrashes[];
}

/** Forgets the crashes of a dyno that has run well for a while. */
export function clearCrashes(db: Database, dyno: { appId: AppId; type: string; number: number }): void {
  db.write(() =>
    db.sql
      .prepare('delete from dyno_crashes where app_id = ? and type = ? and number = ?')
      .run(dyno.appId, dyno.type, dyno.number),
  );
}

function setWishes(
  db: Database,
  options: { app: App; type?: string | undefined; number?: number | undefined },
  wish: { restarts: 0 | 1; stopped: number },
): void {
  const { app, type, number } = options;
  db.write((announce) => {
    const chosen = getFormation(db, app.id).filter((entry) => type === undefined || entry.type === type);
    const dynos = chosen.flatMap(dynosOf).filter((dyno) => number === undefined || dyno.number === number);
    if (type !== undefined && dynos.length === 0) {
      throw dynoNotFound(db, app, number === undefined ? type : `${type}.${number}`);
    }
    for (const dyno of dynos) {
      db.sql
        .prepare(
          `insert into dyno_wishes (app_id, type, number, restarts, stopped) values (?, ?, ?, ?, ?)
           on conflict (app_id, type, number) do update set
             restarts = restarts + excluded.restarts, stopped = excluded.stopped`,
        )
        .run(app.id, dyno.type, dyno.number, wish.restarts, wish.stopped);
      if (wish.stopped === 0) clearCrashes(db, { appId: app.id, ...dyno });
    }
    if (wish.stopped === 0 && dynos.some((dyno) => dyno.type === 'web')) wakeUp(db, app.id);
    announce({ kind: 'dyno-wish', appId: app.id });
  });
}

/** The error for a dyno or process type that the app does not have; it names those that it has. */
export function dynoNotFound(db: Database, app: App, name: string): PaasError {
  const formation = getFormation(db, app.id);
  const has = formation.map(({ type, quantity }) => `${type} (${quantity})`).join(', ');
  return new PaasError('not_found', `Couldn't find the dyno ${quoteValue(name)} of ${app.name}.`, {
    hint: has === '' ? 'It has none yet: deploy first.' : `It has: ${has}. See: paas ps -a ${app.name}`,
  });
}

function dynosOf(entry: FormationEntry): { type: string; number: number }[] {
  return Array.from({ length: entry.quantity }, (_, index) => ({ type: entry.type, number: index + 1 }));
}
