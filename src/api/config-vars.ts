// Config vars of an app.

import type { Database } from '../db/database.js';
import { findAppFor } from '../platform/apps.js';
import { changeConfig, getConfig } from '../platform/config-vars.js';
import * as schema from '../schemas/config-vars.js';
import { AppParams } from '../schemas/parts.js';
import { type ActionLog, releaseTexts } from './action-log.js';
import type { ApiServer } from './api-server.js';
import { accountOf } from './auth.js';

/** Adds `/apps/:app/config-vars`. */
export function addConfigVarRoutes(server: ApiServer, deps: { db: Database; logAction: ActionLog }): void {
  const { db, logAction } = deps;
  const answers = { params: AppParams, response: { 200: schema.ConfigVars } };

  server.get('/apps/:app/config-vars', { schema: answers }, async (request) =>
    getConfig(db, findAppFor(db, accountOf(request), request.params.app).id),
  );

  server.patch(
    '/apps/:app/config-vars',
    { schema: { ...answers, body: schema.ChangeConfigVars } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const release = changeConfig(db, { app, by, updates: request.body });
      if (release !== undefined) logAction(app.id, by, releaseTexts(release));
      return getConfig(db, app.id);
    },
  );
}
