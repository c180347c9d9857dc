// Which buildpacks an app is built with.

import type { Database } from '../db/database.js';
import { findAppFor } from '../platform/apps.js';
import { setBuildpacks } from '../platform/buildpacks.js';
import * as schema from '../schemas/buildpack-installation.js';
import { AppParams } from '../schemas/parts.js';
import type { ActionLog } from './action-log.js';
import { type ApiServer, listOf } from './api-server.js';
import { accountOf } from './auth.js';

/** Adds `/apps/:app/buildpack-installations`. */
export function addBuildpackRoutes(server: ApiServer, deps: { db: Database; logAction: ActionLog }): void {
  const { db, logAction } = deps;
  const answers = { params: AppParams, response: listOf(schema.BuildpackInstallation) };

  server.get('/apps/:app/buildpack-installations', { schema: answers }, async (request) =>
    present(findAppFor(db, accountOf(request), request.params.app).buildpacks),
  );

  server.put(
    '/apps/:app/buildpack-installations',
    { schema: { ...answers, body: schema.SetBuildpacks } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const buildpacks = request.body.updates.map((update) => update.buildpack);
      const changed = setBuildpacks(db, { app, by, buildpacks });
      logAction(app.id, by, [`Set buildpacks to ${changed.buildpacks.join(', ') || 'detection'}`]);
      return present(changed.buildpacks);
    },
  );
}

function present(buildpacks: readonly string[]): schema.BuildpackInstallation[] {
  return buildpacks.map((buildpack, ordinal) => ({
    ordinal,
    buildpack: { name: buildpack, url: buildpack },
  }));
}
