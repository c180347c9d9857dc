// Who may see and change an app.

import type { Database } from '../db/database.js';
import { type App, findAppFor } from '../platform/apps.js';
import {
  addCollaborator,
  type Collaborator,
  listCollaborators,
  removeCollaborator,
  requireOwner,
} from '../platform/collaborators.js';
import * as schema from '../schemas/collaborator.js';
import { AppParams } from '../schemas/parts.js';
import type { ActionLog } from './action-log.js';
import { type ApiServer, listOf } from './api-server.js';
import { appReference } from './apps.js';
import { accountOf } from './auth.js';
import { derivedId, isoTime } from './present.js';

/** Adds `/apps/:app/collaborators`; only the owner changes them, but anybody may leave. */
export function addCollaboratorRoutes(server: ApiServer, deps: { db: Database; logAction: ActionLog }): void {
  const { db, logAction } = deps;

  server.get(
    '/apps/:app/collaborators',
    { schema: { params: AppParams, response: listOf(schema.Collaborator) } },
    async (request) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      return listCollaborators(db, app).map((collaborator) => present(collaborator, app));
    },
  );

  server.post(
    '/apps/:app/collaborators',
    { schema: { params: AppParams, body: schema.AddCollaborator, response: { 201: schema.Collaborator } } },
    async (request, reply) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      requireOwner(app, by);
      const collaborator = addCollaborator(db, { app, email: request.body.user });
      logAction(app.id, by, [`Add ${collaborator.email} as collaborator`]);
      return reply.code(201).send(present(collaborator, app));
    },
  );

  server.delete(
    '/apps/:app/collaborators/:user',
    { schema: { params: schema.CollaboratorParams, response: { 200: schema.Collaborator } } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const { user } = request.params;
      if (user !== by.id && user.toLowerCase() !== by.email.toLowerCase()) requireOwner(app, by);
      const collaborator = removeCollaborator(db, { app, user });
      logAction(app.id, by, [`Remove ${collaborator.email} as collaborator`]);
      return present(collaborator, app);
    },
  );
}

const PERMISSIONS = ['view', 'deploy', 'operate', 'manage'];

function present(collaborator: Collaborator, app: App): schema.Collaborator {
  return {
    id: derivedId('collaborator', app.id, collaborator.accountId),
    role: collaborator.role,
    permissions: PERMISSIONS.map((name) => ({ name, description: name })),
    user: { id: collaborator.accountId, email: collaborator.email, federated: false },
    app: appReference(app),
    created_at: isoTime(collaborator.createdAt),
    updated_at: isoTime(collaborator.createdAt),
  };
}
