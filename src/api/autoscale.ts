// Autoscale of a process type: show, set, switch off.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import { type App, findAppFor } from '../platform/apps.js';
import { type Autoscale, getAutoscales, removeAutoscale, setAutoscale } from '../platform/autoscale.js';
import { requireProcessType } from '../platform/formation.js';
import * as schema from '../schemas/autoscale.js';
import { FormationParams } from '../schemas/formation.js';
import type { ActionLog } from './action-log.js';
import type { ApiServer } from './api-server.js';
import { appReference } from './apps.js';
import { accountOf } from './auth.js';

/** Adds `/apps/:app/formation/:type/autoscale`. */
export function addAutoscaleRoutes(server: ApiServer, deps: { db: Database; logAction: ActionLog }): void {
  const { db, logAction } = deps;
  const url = '/apps/:app/formation/:type/autoscale';
  const base = { params: FormationParams, response: { 200: schema.Autoscale } };

  server.get(url, { schema: base }, async (request) => {
    const app = findAppFor(db, accountOf(request), request.params.app);
    const { type } = request.params;
    const setting = getAutoscales(db, app.id).get(type);
    if (setting === undefined) requireProcessType(db, app, type);
    return present(app, type, setting);
  });

  server.patch(url, { schema: { ...base, body: schema.SetAutoscale } }, async (request) => {
    const by = accountOf(request);
    const app = findAppFor(db, by, request.params.app);
    const { type } = request.params;
    requireProcessType(db, app, type);
    const before = getAutoscales(db, app.id).get(type);
    const setting = setAutoscale(db, { app, type, ...complete(request.body, before) });
    const { min, max, metric, target } = setting;
    logAction(app.id, by, [`Set autoscale of ${type} to ${min} to ${max} dynos with ${metric} ${target}`]);
    return present(app, type, setting);
  });

  server.delete(url, { schema: base }, async (request) => {
    const by = accountOf(request);
    const app = findAppFor(db, by, request.params.app);
    const { type } = request.params;
    // What was set for a type that is no more can be taken away.
    if (!getAutoscales(db, app.id).has(type)) requireProcessType(db, app, type);
    else {
      removeAutoscale(db, { app, type });
      logAction(app.id, by, [`Switch off autoscale of ${type}`]);
    }
    return present(app, type, undefined);
  });
}

function complete(
  body: schema.SetAutoscale,
  before: Autoscale | undefined,
): Pick<Autoscale, 'min' | 'max' | 'metric' | 'target'> {
  const max = body.max ?? before?.max;
  const metric = body.metric ?? (body.target === undefined ? before?.metric : undefined);
  const target = body.target ?? (body.metric === undefined ? before?.target : undefined);
  if (max === undefined || metric === undefined || target === undefined) {
    throw new PaasError('invalid_params', 'Autoscale needs a maximum, and a metric with its target.', {
      hint: 'Like: paas ps:autoscale web --min 1 --max 5 --p95 500ms',
    });
  }
  return { min: body.min ?? before?.min ?? 1, max, metric, target };
}

function present(app: App, type: string, setting: Autoscale | undefined): schema.Autoscale {
  return {
    app: appReference(app),
    type,
    enabled: setting !== undefined,
    min: setting?.min ?? null,
    max: setting?.max ?? null,
    metric: setting?.metric ?? null,
    target: setting?.target ?? null,
  };
}
