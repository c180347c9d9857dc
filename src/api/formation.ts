// The formation: how many dynos of each process type.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { Account } from '../platform/accounts.js';
import { type App, findAppFor } from '../platform/apps.js';
import { endAutoscaleOutside, getAutoscales } from '../platform/autoscale.js';
import { getAutosleep } from '../platform/autosleep.js';
import { type FormationEntry, getFormation, type ScaleUpdate, scale } from '../platform/formation.js';
import * as schema from '../schemas/formation.js';
import { AppParams } from '../schemas/parts.js';
import { type ActionLog, scaleText } from './action-log.js';
import { type ApiServer, listOf } from './api-server.js';
import { appReference } from './apps.js';
import { accountOf } from './auth.js';
import { derivedId, isoTime } from './present.js';

/** Adds `/apps/:app/formation`. */
export function addFormationRoutes(server: ApiServer, deps: { db: Database; logAction: ActionLog }): void {
  const { db } = deps;
  const one = { params: schema.FormationParams, response: { 200: schema.FormationEntry } };

  server.get(
    '/apps/:app/formation',
    { schema: { params: AppParams, response: listOf(schema.FormationEntry) } },
    async (request) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      return getFormation(db, app.id).map((entry) => present(db, entry, app));
    },
  );

  server.patch(
    '/apps/:app/formation',
    { schema: { params: AppParams, body: schema.Scale, response: listOf(schema.FormationEntry) } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const updates = request.body.updates.map(readUpdate);
      return scaleAndLog(deps, { app, by, updates }).map((entry) => present(db, entry, app));
    },
  );

  server.get('/apps/:app/formation/:type', { schema: one }, async (request) => {
    const app = findAppFor(db, accountOf(request), request.params.app);
    return present(db, requireEntry(getFormation(db, app.id), request.params.type), app);
  });

  server.patch(
    '/apps/:app/formation/:type',
    { schema: { ...one, body: schema.ScaleOne } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const { type } = request.params;
      requireEntry(getFormation(db, app.id), type);
      const formation = scaleAndLog(deps, { app, by, updates: [readUpdate({ type, ...request.body })] });
      return present(db, requireEntry(formation, type), app);
    },
  );
}

function scaleAndLog(
  deps: { db: Database; logAction: ActionLog },
  options: { app: App; by: Account; updates: ScaleUpdate[] },
): FormationEntry[] {
  const { app, by, updates } = options;
  const { formation, ended } = deps.db.write(() => {
    const after = scale(deps.db, { app, updates });
    const scaled = after.filter(({ type }) => updates.some((update) => update.type === type));
    return { formation: after, ended: endAutoscaleOutside(deps.db, { app, scaled }) };
  });
  if (updates.length > 0) {
    deps.logAction(app.id, by, [scaleText(formation, new Set(updates.map((update) => update.type)))]);
  }
  for (const { type, min, max } of ended) {
    deps.logAction(app.id, by, [`Autoscale of ${type} is off: scaled outside of ${min} to ${max}`]);
  }
  return formation;
}

function readUpdate(update: schema.ScaleUpdate): ScaleUpdate {
  const size = update.size ?? update.dyno_size;
  return {
    type: update.type,
    quantity: update.quantity,
    size: typeof size === 'object' ? size.name : size,
  };
}

function requireEntry(formation: readonly FormationEntry[], type: string): FormationEntry {
  const entry = formation.find((candidate) => candidate.type === type);
  if (entry === undefined)
    throw new PaasError('not_found', `Couldn't find the process type ${quoteValue(type)}.`, {
      hint: `It has: ${formation.map((each) => each.type).join(', ') || 'none yet'}.`,
    });
  return entry;
}

function present(db: Database, entry: FormationEntry, app: App): schema.FormationEntry {
  const sleep = entry.type === 'web' ? getAutosleep(db, app.id) : undefined;
  const asleepSince = sleep?.asleepSince;
  const scaling = getAutoscales(db, app.id).get(entry.type);
  return {
    id: derivedId('formation', app.id, entry.type),
    type: entry.type,
    quantity: entry.quantity,
    size: entry.size,
    dyno_size: { id: derivedId('size', entry.size), name: entry.size },
    command: entry.command,
    autosleep: sleep
      ? {
          after_seconds: sleep.afterMs / 1000,
          asleep_since: asleepSince === undefined ? null : isoTime(asleepSince),
        }
      : null,
    autoscale: scaling
      ? { min: scaling.min, max: scaling.max, metric: scaling.metric, target: scaling.target }
      : null,
    app: appReference(app),
    created_at: isoTime(app.createdAt),
    updated_at: isoTime(app.updatedAt),
  };
}
