// Releases: list, look at, roll back.

import type { Database } from '../db/database.js';
import { type App, findAppFor } from '../platform/apps.js';
import { rollback } from '../platform/make-release.js';
import {
  findRelease,
  getRelease,
  getReleaseConfig,
  isRollbackTarget,
  listReleases,
  type Release,
} from '../platform/releases.js';
import { ConfigVars } from '../schemas/config-vars.js';
import { AppParams } from '../schemas/parts.js';
import * as schema from '../schemas/release.js';
import type { ServerUpkeep } from '../upkeep/server-upkeep.js';
import { type ActionLog, releaseTexts } from './action-log.js';
import { type ApiServer, answerPage, listOf } from './api-server.js';
import { appReference } from './apps.js';
import { accountOf } from './auth.js';
import { type OutputLinks, sendText } from './output-links.js';
import { isoTime } from './present.js';

/** Adds `/apps/:app/releases`. */
export function addReleaseRoutes(
  server: ApiServer,
  deps: {
    db: Database;
    logAction: ActionLog;
    outputLinks: OutputLinks;
    upkeep: Pick<ServerUpkeep, 'requireImage'>;
  },
): void {
  const { db, logAction, outputLinks } = deps;
  const one = { params: schema.ReleaseParams, response: { 200: schema.Release } };

  server.get(
    '/apps/:app/releases',
    { schema: { params: AppParams, response: listOf(schema.Release) } },
    async (request, reply) => {
      const account = accountOf(request);
      const app = findAppFor(db, account, request.params.app);
      const items = listReleases(db, app.id);
      const keys = { version: (release: Release) => release.version, id: (release: Release) => release.id };
      return answerPage(request, reply, { items, keys }).map((release) =>
        presentRelease(release, app, outputLinks.release(app, account, release)),
      );
    },
  );

  server.post(
    '/apps/:app/releases',
    { schema: { params: AppParams, body: schema.RollBack, response: { 201: schema.Release } } },
    async (request, reply) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const to = findRelease(db, app, request.body.release);
      await deps.upkeep.requireImage(app, to);
      const release = rollback(db, { app, by, to });
      logAction(app.id, by, releaseTexts(release));
      return reply.code(201).send(presentRelease(release, app, outputLinks.release(app, by, release)));
    },
  );

  server.get('/apps/:app/releases/:release', { schema: one }, async (request) => {
    const account = accountOf(request);
    const app = findAppFor(db, account, request.params.app);
    const release = findRelease(db, app, request.params.release);
    return presentRelease(release, app, outputLinks.release(app, account, release));
  });

  server.get(
    '/apps/:app/releases/:release/config-vars',
    { schema: { params: schema.ReleaseParams, response: { 200: ConfigVars } } },
    async (request) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      return getReleaseConfig(db, findRelease(db, app, request.params.release).id);
    },
  );

  server.get(
    '/apps/:app/releases/:release/output',
    { config: { isOpen: true }, schema: { params: schema.ReleaseParams, querystring: schema.OutputQuery } },
    async (request, reply) => {
      const account = outputLinks.reader(request, 'release-output', request.params.release);
      const app = findAppFor(db, account, request.params.app);
      const release = findRelease(db, app, request.params.release);
      return sendText(reply, (signal) => releaseOutput(db, release, signal));
    },
  );
}

// The release phase's text is kept when it ends; until then the reader waits.
async function* releaseOutput(db: Database, release: Release, signal: AbortSignal): AsyncGenerator<string> {
  let present: Release | undefined = release;
  while (present?.status === 'pending') {
    await nextChange(db, release.appId, signal);
    if (signal.aborted) return;
    present = getRelease(db, release.id);
  }
  if (present?.output !== undefined) yield present.output;
}

function nextChange(db: Database, appId: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      unsubscribe();
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const unsubscribe = db.onChange((change) => {
      if (change.appId === appId) stop();
    });
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
}

function presentRelease(release: Release, app: App, outputUrl: string | null): schema.Release {
  return {
    id: release.id,
    version: release.version,
    description: release.description,
    status: release.status,
    current: release.current,
    eligible_for_rollback: isRollbackTarget(release),
    addon_plan_names: [],
    app: appReference(app),
    artifacts: [],
    output_stream_url: outputUrl,
    slug:
      release.image === undefined
        ? null
        : { id: release.buildId ?? release.id, commit: release.commit ?? null },
    undone_by: release.undoneBy ?? null,
    user: { id: release.accountId, email: release.accountEmail },
    created_at: isoTime(release.createdAt),
    updated_at: isoTime(release.updatedAt),
  };
}
