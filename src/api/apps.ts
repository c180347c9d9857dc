// Apps: list, make, change, destroy.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import {
  type App,
  createApp,
  destroyApp,
  findAppFor,
  listAppsFor,
  renameApp,
  STACK,
  updateApp,
} from '../platform/apps.js';
import { requireOwner } from '../platform/collaborators.js';
import { requireFreeHost } from '../platform/hosts.js';
import { listReleases } from '../platform/releases.js';
import * as schema from '../schemas/app.js';
import { AppParams } from '../schemas/parts.js';
import { type ActionLog, releaseTexts } from './action-log.js';
import { type ApiServer, answerPage, listOf } from './api-server.js';
import { accountOf } from './auth.js';
import { derivedId, gitUrl, isoTime, type PlatformUrls, webUrl } from './present.js';

/** Adds `/apps`. */
export function addAppRoutes(
  server: ApiServer,
  deps: { db: Database; urls: PlatformUrls; logAction: ActionLog; whenRouted: () => Promise<void> },
): void {
  const { db, urls, logAction } = deps;
  const place = { platformHost: urls.platformHost, platformDomain: urls.appDomain };
  const one = { params: AppParams, response: { 200: schema.App } };

  for (const url of ['/apps', '/users/~/apps']) {
    server.get(url, { schema: { response: listOf(schema.App) } }, async (request, reply) => {
      const items = listAppsFor(db, accountOf(request));
      const keys = { name: (app: App) => app.name, id: (app: App) => app.id };
      return answerPage(request, reply, { items, keys }).map((app) => presentApp(app, urls));
    });
  }

  server.post(
    '/apps',
    { schema: { body: schema.CreateApp, response: { 201: schema.App } } },
    async (request, reply) => {
      const owner = accountOf(request);
      const { name } = request.body;
      const app = db.write(() => {
        if (name !== undefined) requireFreeHost(db, { name, ...place });
        return createApp(db, { name, owner });
      });
      const [first] = listReleases(db, app.id, { limit: 1 });
      if (first !== undefined) logAction(app.id, owner, releaseTexts(first));
      return reply.code(201).send(presentApp(app, urls));
    },
  );

  server.get('/apps/:app', { schema: one }, async (request) =>
    presentApp(findAppFor(db, accountOf(request), request.params.app), urls),
  );

  server.patch('/apps/:app', { schema: { ...one, body: schema.ChangeApp } }, async (request) => {
    const account = accountOf(request);
    const app = findAppFor(db, account, request.params.app);
    const { name, maintenance, health_path: healthPath, build_stack: stack } = request.body;
    if (stack !== undefined && stack !== STACK) throw unknownStack(stack);
    const changed = db.write(() => {
      if (name !== undefined && name !== app.name) requireFreeHost(db, { name, app, ...place });
      const renamed = name === undefined ? app : renameApp(db, { app, name });
      return maintenance === undefined && healthPath === undefined
        ? renamed
        : updateApp(db, { app: renamed, maintenance, healthPath });
    });
    logAction(app.id, account, changeTexts(app, changed));
    await deps.whenRouted();
    return presentApp(changed, urls);
  });

  server.delete('/apps/:app', { schema: one }, async (request) => {
    const account = accountOf(request);
    const app = findAppFor(db, account, request.params.app);
    requireOwner(app, account);
    destroyApp(db, { app });
    return presentApp(app, urls);
  });
}

/** The reference to an app that other objects hold. */
export function appReference(app: App): { id: string; name: string } {
  return { id: app.id, name: app.name };
}

function changeTexts(before: App, after: App): string[] {
  const texts: string[] = [];
  if (before.name !== after.name) texts.push(`Renamed to ${after.name}`);
  if (before.maintenance !== after.maintenance) {
    texts.push(after.maintenance ? 'Maintenance mode enabled' : 'Maintenance mode disabled');
  }
  if (before.healthPath !== after.healthPath) {
    texts.push(
      after.healthPath === undefined
        ? 'Health check path removed'
        : `Set health check path ${after.healthPath}`,
    );
  }
  return texts;
}

function unknownStack(name: string): PaasError {
  return new PaasError('invalid_params', `There is no stack ${quoteValue(name)}.`, {
    hint: `There is: ${STACK}`,
  });
}

function presentApp(app: App, urls: PlatformUrls): schema.App {
  const stack = { id: derivedId('stack', app.stack), name: app.stack };
  return {
    id: app.id,
    name: app.name,
    acm: false,
    archived_at: null,
    build_stack: stack,
    buildpack_provided_description: null,
    created_at: isoTime(app.createdAt),
    // Heroku's clients ask for logs and run commands differently on any other generation.
    generation: { id: derivedId('generation', 'cedar'), name: 'cedar' },
    git_url: gitUrl(urls, app),
    internal_routing: null,
    maintenance: app.maintenance,
    organization: null,
    owner: { id: app.ownerId, email: app.ownerEmail },
    region: { id: derivedId('region', REGION), name: REGION },
    released_at: app.releasedAt === undefined ? null : isoTime(app.releasedAt),
    repo_size: null,
    slug_size: null,
    space: null,
    stack,
    team: null,
    updated_at: isoTime(app.updatedAt),
    web_url: webUrl(urls, app),
    health_path: app.healthPath ?? null,
  };
}

/** The one region: this server. */
export const REGION = 'local';
