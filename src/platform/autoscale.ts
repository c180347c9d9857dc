// Autoscale: the platform chooses how many dynos a process type has, within bounds that the user gives.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { AppId } from '../ids.js';
import type { App } from './apps.js';
import { type FormationEntry, MAX_QUANTITY, requireProcessType } from './formation.js';
import { forgetScalingLessons } from './scaling-lessons.js';

/**
 * What is kept under the target. p95: 95 % of the requests have their first byte within so many ms. cpu: percent of one
 * core that each dyno uses. rps: requests a second that each dyno gets.
 */
export type ScalingMetric = 'p95' | 'cpu' | 'rps';

export interface Autoscale {
  readonly appId: AppId;
  readonly type: string;
  readonly min: number;
  readonly max: number;
  readonly metric: ScalingMetric;
  readonly target: number;
  /** Epoch ms of the last change of the setting. */
  readonly updatedAt: number;
}

const TARGETS: Record<ScalingMetric, { min: number; max: number; unit: string }> = {
  p95: { min: 10, max: 30_000, unit: 'ms' },
  cpu: { min: 5, max: 6400, unit: '% of a core' },
  rps: { min: 0.1, max: 100_000, unit: ' requests a second' },
};

/** Switches autoscale of a process type on, or changes it. Throws `invalid_params` for an unknown type or a bad value. */
export function setAutoscale(
  db: Database,
  options: { app: App } & Pick<Autoscale, 'type' | 'min' | 'max' | 'metric' | 'target'>,
): Autoscale {
  const { app, type, min, max, metric, target } = options;
  checkSetting(options);
  return db.write((announce) => {
    requireProcessType(db, app, type);
    db.sql
      .prepare(
        `insert into autoscale (app_id, type, min, max, metric, target, updated_at) values (?, ?, ?, ?, ?, ?, ?)
         on conflict (app_id, type) do update set min = excluded.min, max = excluded.max, metric = excluded.metric,
           target = excluded.target, updated_at = excluded.updated_at`,
      )
      .run(app.id, type, min, max, metric, target, db.now());
    forgetScalingLessons(db, { appId: app.id, type });
    announce({ kind: 'formation-changed', appId: app.id });
    return { appId: app.id, type, min, max, metric, target, updatedAt: db.now() };
  });
}

/** Switches autoscale of a process type off; the quantity stays as it is. Safe to call twice. */
export function removeAutoscale(db: Database, options: { app: App; type: string }): void {
  db.write((announce) => {
    db.sql.prepare('delete from autoscale where app_id = ? and type = ?').run(options.app.id, options.type);
    announce({ kind: 'formation-changed', appId: options.app.id });
  });
}

/** The settings of an app, by process type. */
export function getAutoscales(db: Database, appId: AppId): ReadonlyMap<string, Autoscale> {
  const rows = db.sql.prepare(`${SELECT} where app_id = ?`).all(appId) as Autoscale[];
  return new Map(rows.map((row) => [row.type, row]));
}

/** Of all apps. */
export function listAutoscales(db: Database): Autoscale[] {
  return db.sql.prepare(SELECT).all() as Autoscale[];
}

/**
 * As on Heroku, a user who scales by hand takes over: of each entry (what the user scaled) whose quantity is now outside
 * of its bounds, autoscale is switched off. Gives those settings. Within the bounds autoscale goes on from there.
 */
export function endAutoscaleOutside(
  db: Database,
  options: { app: App; scaled: readonly FormationEntry[] },
): Autoscale[] {
  const settings = getAutoscales(db, options.app.id);
  const ended = options.scaled.flatMap(({ type, quantity }) => {
    const setting = settings.get(type);
    return setting === undefined || (quantity >= setting.min && quantity <= setting.max) ? [] : [setting];
  });
  for (const { type } of ended) removeAutoscale(db, { app: options.app, type });
  return ended;
}

const SELECT =
  'select app_id as appId, type, min, max, metric, target, updated_at as updatedAt from autoscale';

function checkSetting({
  type,
  min,
  max,
  metric,
  target,
}: Pick<Autoscale, 'type' | 'min' | 'max' | 'metric' | 'target'>): void {
  const isRange = Number.isInteger(min) && Number.isInteger(max) && min >= 1 && max >= min;
  if (!isRange || max > MAX_QUANTITY) {
    throw new PaasError(
      'invalid_params',
      `Autoscale needs a minimum and a maximum from 1 to ${MAX_QUANTITY}, not ${min} and ${max}.`,
      { hint: 'An app that nobody asks for can sleep: paas ps:autosleep web --after 30m' },
    );
  }
  if (metric !== 'cpu' && type !== 'web') {
    throw new PaasError(
      'invalid_params',
      `Only web gets requests: ${quoteValue(type)} can't be scaled by them.`,
      {
        hint: `Like: paas ps:autoscale ${type} --max 5 --cpu 70`,
      },
    );
  }
  const bounds = TARGETS[metric];
  if (!(target >= bounds.min && target <= bounds.max)) {
    throw new PaasError(
      'invalid_params',
      `The target of ${metric} must be from ${bounds.min} to ${bounds.max}${bounds.unit}.`,
    );
  }
}
