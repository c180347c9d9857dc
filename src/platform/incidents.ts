// Notable events of an app that no user asked for: crashes, failed checks, decisions of the platform.

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';

export type IncidentKind =
  | 'crashed'
  | 'boot-timeout'
  | 'could-not-start'
  | 'check-failed'
  | 'out-of-memory'
  | 'memory-high'
  | 'disk-exceeded'
  | 'image-missing'
  | 'rolled-back'
  | 'not-rolled-back'
  | 'scaled'
  | 'slept'
  | 'woke'
  | 'build-failed'
  | 'release-failed';

/** What was seen, such as `{ exitCode: 1 }`. Never a secret: it is shown to all who may see the app. */
export type Evidence = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface Incident {
  readonly id: number;
  readonly kind: IncidentKind;
  /** Name of the dyno, such as `web.1`; undefined: the whole app. */
  readonly dyno: string | undefined;
  readonly releaseVersion: number | undefined;
  /** One sentence. */
  readonly message: string;
  readonly evidence: Evidence;
  /** Epoch ms. */
  readonly at: number;
}

export interface NewIncident {
  readonly appId: AppId;
  readonly kind: IncidentKind;
  readonly dyno?: string | undefined;
  readonly releaseVersion?: number | undefined;
  readonly message: string;
  readonly evidence?: Evidence | undefined;
}

// A crash loop must not grow the database.
const KEPT_PER_APP = 200;

/** Keeps an incident; the oldest of the app go. One of an app that is gone is not kept. */
export function recordIncident(db: Database, incident: NewIncident): void {
  const { appId, kind, dyno, releaseVersion, message, evidence } = incident;
  db.write(() => {
    db.sql
      .prepare(
        `insert into incidents (app_id, dyno, release_version, kind, message, evidence, at)
         select id, ?, ?, ?, ?, ?, ? from apps where id = ?`,
      )
      .run(
        dyno ?? null,
        releaseVersion ?? null,
        kind,
        message,
        evidence === undefined ? null : JSON.stringify(evidence),
        db.now(),
        appId,
      );
    db.sql
      .prepare(
        `delete from incidents where app_id = ? and id <=
           (select id from incidents where app_id = ? order by id desc limit 1 offset ?)`,
      )
      .run(appId, appId, KEPT_PER_APP);
  });
}

/** Newest first; of one dyno or one release when asked. */
export function listIncidents(
  db: Database,
  appId: AppId,
  query: { limit?: number; dyno?: string | undefined; releaseVersion?: number | undefined } = {},
): Incident[] {
  const rows = db.sql
    .prepare(
      `select id, kind, dyno, release_version as releaseVersion, message, evidence, at from incidents
       where app_id = @appId and (@dyno is null or dyno = @dyno)
         and (@releaseVersion is null or release_version = @releaseVersion)
       order by id desc limit @limit`,
    )
    .all({
      appId,
      dyno: query.dyno ?? null,
      releaseVersion: query.releaseVersion ?? null,
      limit: query.limit ?? KEPT_PER_APP,
    }) as (Omit<Incident, 'dyno' | 'releaseVersion' | 'evidence'> & {
    dyno: string | null;
    releaseVersion: number | null;
    evidence: string | null;
  })[];
  return rows.map((row) => ({
    ...row,
    dyno: row.dyno ?? undefined,
    releaseVersion: row.releaseVersion ?? undefined,
    evidence: row.evidence === null ? {} : JSON.parse(row.evidence),
  }));
}
