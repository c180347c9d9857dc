// The formation: how many dynos of each process type.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { Account } from '../platform/accounts.js';
import { type App, findAppFor } from '../platform/apps.js';
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
      return getFormation(db, app.id).map((entry) => present(entry, app));
    },
  );

  server.patch(
    '/apps/:app/formation',
    { schema: { params: AppParams, body: schema.Scale, response: listOf(schema.FormationEntry) } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const updates = request.body.updates.map(readUpdate);
      return scaleAndLog(deps, { app, by, updates }).map((entry) => present(entry, app));
    },
  );

  server.get('/apps/:app/formation/:type', { schema: one }, async (request) => {
    const app = findAppFor(db, accountOf(request), request.params.app);
    return present(requireEntry(getFormation(db, app.id), request.params.type), app);
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
      return present(requireEntry(formation, type), app);
    },
  );
}

function scaleAndLog(
  deps: { db: Database; logAction: ActionLog },
  options: { app: App; by: Account; updates: ScaleUpdate[] },
): FormationEntry[] {
  const { app, by, updates } = options;
  const formation = scale(deps.db, { app, updates });
  if (updates.length > 0) {
    deps.logAction(app.id, by, [scaleText(formation, new Set(updates.map((update) => update.type)))]);
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
    throw new PaasError('not_found', `Couldn't find the process type ${quoteValue(type)}.`);
  return entry;
}

function present(entry: FormationEntry, app: App): schema.FormationEntry {
  return {
    id: derivedId('formation', app.id, entry.type),
    type: entry.type,
    quantity: entry.quantity,
    size: entry.size,
    dyno_size: { id: derivedId('size', entry.size), name: entry.size },
    command: entry.command,
    app: appReference(app),
    created_at: isoTime(app.createdAt),
    updated_at: isoTime(app.updatedAt),
  };
}
