// Autosleep of an app's web dynos: show, set, switch off.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type App, findAppFor } from '../platform/apps.js';
import { type Autosleep, getAutosleep, removeAutosleep, setAutosleep } from '../platform/autosleep.js';
import { requireProcessType } from '../platform/formation.js';
import * as schema from '../schemas/autosleep.js';
import { FormationParams } from '../schemas/formation.js';
import type { ActionLog } from './action-log.js';
import type { ApiServer } from './api-server.js';
import { appReference } from './apps.js';
import { accountOf } from './auth.js';
import { isoTime } from './present.js';

/** Adds `/apps/:app/formation/:type/autosleep`. */
export function addAutosleepRoutes(server: ApiServer, deps: { db: Database; logAction: ActionLog }): void {
  const { db, logAction } = deps;
  const url = '/apps/:app/formation/:type/autosleep';
  const base = { params: FormationParams, response: { 200: schema.Autosleep } };

  server.get(url, { schema: base }, async (request) => {
    const app = findAppFor(db, accountOf(request), request.params.app);
    requireWeb(db, app, request.params.type);
    return present(app, getAutosleep(db, app.id));
  });

  server.patch(url, { schema: { ...base, body: schema.SetAutosleep } }, async (request) => {
    const by = accountOf(request);
    const app = findAppFor(db, by, request.params.app);
    requireWeb(db, app, request.params.type);
    const seconds = request.body.after_seconds;
    const setting = setAutosleep(db, { app, afterMs: seconds * 1000 });
    logAction(app.id, by, [`Set autosleep of web to ${seconds} seconds`]);
    return present(app, setting);
  });

  server.delete(url, { schema: base }, async (request) => {
    const by = accountOf(request);
    const app = findAppFor(db, by, request.params.app);
    requireWeb(db, app, request.params.type);
    removeAutosleep(db, app);
    logAction(app.id, by, ['Switch off autosleep of web']);
    return present(app, undefined);
  });
}

function requireWeb(db: Database, app: App, type: string): void {
  if (type === 'web') return;
  requireProcessType(db, app, type);
  throw new PaasError('invalid_params', `Only web gets requests: nothing would wake ${quoteValue(type)}.`, {
    hint: `Stop it with: paas ps:scale ${/^[\w-]+$/.test(type) ? type : 'TYPE'}=0`,
  });
}

function present(app: App, setting: Autosleep | undefined): schema.Autosleep {
  const asleepSince = setting?.asleepSince;
  return {
    app: appReference(app),
    type: 'web',
    enabled: setting !== undefined,
    after_seconds: setting === undefined ? null : setting.afterMs / 1000,
    asleep_since: asleepSince === undefined ? null : isoTime(asleepSince),
  };
}
