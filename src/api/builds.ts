// Builds: start one from an upload or an image, follow it, cancel it.

import type { FastifyRequest } from 'fastify';
import type { DeployRequest, Deploys, RunningDeploy } from '../build/deploys.js';
import type { Source } from '../build/source.js';
import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Account } from '../platform/accounts.js';
import { type App, findAppFor } from '../platform/apps.js';
import { type Build, findBuild, listBuilds } from '../platform/builds.js';
import * as schema from '../schemas/build.js';
import { AppParams } from '../schemas/parts.js';
import { OutputQuery } from '../schemas/release.js';
import type { ServerUpkeep } from '../upkeep/server-upkeep.js';
import { type ApiServer, answerPage, listOf } from './api-server.js';
import { appReference } from './apps.js';
import { accountOf } from './auth.js';
import { type OutputLinks, sendText } from './output-links.js';
import { isoTime } from './present.js';
import { announcedBytes } from './request-body.js';
import { readSourceUrl } from './sources.js';
import type { Tickets } from './ticket.js';
import { sha256OfFile, type Uploads } from './uploads.js';

export interface BuildRouteDeps {
  readonly db: Database;
  readonly deploys: Pick<Deploys, 'check' | 'start' | 'find' | 'readOutput'>;
  readonly outputLinks: OutputLinks;
  readonly tickets: Tickets;
  readonly uploads: Uploads;
  readonly log: Logger;
  readonly upkeep: Pick<ServerUpkeep, 'requireSpace'>;
}

/** Adds `/apps/:app/builds`. */
export function addBuildRoutes(server: ApiServer, deps: BuildRouteDeps): void {
  const { db, deploys, outputLinks } = deps;
  const one = { params: schema.BuildParams, response: { 200: schema.Build } };
  const present = (build: Build, app: App, account: Account) =>
    presentBuild(build, app, outputLinks.build(app, account, build));

  addCreateRoute(server, deps, present);

  server.get(
    '/apps/:app/builds',
    { schema: { params: AppParams, response: listOf(schema.Build) } },
    async (request, reply) => {
      const account = accountOf(request);
      const app = findAppFor(db, account, request.params.app);
      const keys = { created_at: (build: Build) => isoTime(build.createdAt), id: (build: Build) => build.id };
      return answerPage(request, reply, { items: listBuilds(db, app.id), keys }).map((build) =>
        present(build, app, account),
      );
    },
  );

  server.get('/apps/:app/builds/:build', { schema: one }, async (request) => {
    const account = accountOf(request);
    const app = findAppFor(db, account, request.params.app);
    return present(findBuild(db, app, request.params.build), app, account);
  });

  server.delete('/apps/:app/builds/:build', { schema: one }, async (request) => {
    const account = accountOf(request);
    const app = findAppFor(db, account, request.params.app);
    const build = findBuild(db, app, request.params.build);
    const running = deploys.find(build.id);
    if (running === undefined) {
      throw new PaasError('conflict', `The build has ended already: it ${build.status}.`);
    }
    await running.cancel(`canceled by ${account.email}`);
    return present(findBuild(db, app, build.id), app, account);
  });

  server.get(
    '/apps/:app/builds/:build/output',
    { config: { isOpen: true }, schema: { params: schema.BuildParams, querystring: OutputQuery } },
    async (request, reply) => {
      const account = outputLinks.reader(request, 'build-output', request.params.build);
      const app = findAppFor(db, account, request.params.app);
      const build = findBuild(db, app, request.params.build);
      return sendText(reply, () => deploys.readOutput(build.id));
    },
  );
}

function addCreateRoute(
  server: ApiServer,
  deps: BuildRouteDeps,
  present: (build: Build, app: App, account: Account) => schema.Build,
): void {
  const { db } = deps;
  server.post(
    '/apps/:app/builds',
    {
      // Goes to disk as it comes, once the request is authorised.
      config: { archive: 'gzip' },
      schema: { params: AppParams, body: schema.CreateBuild, response: { 201: schema.Build } },
    },
    async (request, reply) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      await deps.upkeep.requireSpace({ bytes: announcedBytes(request) });
      const source = await readSource(deps, request, by);
      const running = await startOrForget(deps, { app, by, source });
      return reply.code(201).send(present(findBuild(db, app, running.buildId), app, by));
    },
  );
}

async function readSource(
  deps: BuildRouteDeps,
  request: FastifyRequest<{ Body: schema.CreateBuild }>,
  by: Account,
): Promise<Source> {
  if (request.archive !== undefined) {
    return { kind: 'archive', path: await deps.uploads.receive(request.archive) };
  }
  const { image, source_blob: blob } = request.body;
  if ((image === undefined) === (blob === undefined)) {
    throw new PaasError('invalid_params', 'A build needs either source_blob or image.', {
      hint: 'Or send a tar.gz archive as application/gzip.',
    });
  }
  if (image !== undefined) return { kind: 'image', reference: image };
  const id = readSourceUrl(deps, by, blob?.url ?? '');
  const path = await deps.uploads.takeSource({ source: id, account: by.id });
  const expected = blob?.checksum?.replace(/^SHA256:/i, '').toLowerCase();
  if (expected !== undefined && expected !== (await sha256OfFile(path))) {
    await deps.uploads.remove(path);
    throw new PaasError(
      'invalid_params',
      'The field source_blob.checksum does not match the uploaded archive.',
    );
  }
  return { kind: 'archive', path, ...(blob?.version && { version: blob.version }) };
}

/** Queues the build, which takes the archive over. */
async function startOrForget(
  { deploys, uploads }: BuildRouteDeps,
  request: DeployRequest,
): Promise<RunningDeploy> {
  try {
    await deploys.check(request.source);
    return deploys.start(request);
  } catch (error) {
    if (request.source.kind === 'archive') await uploads.remove(request.source.path);
    throw error;
  }
}

function presentBuild(build: Build, app: App, outputUrl: string): schema.Build {
  return {
    id: build.id,
    status: build.status,
    app: appReference(app),
    buildpacks: build.buildpacks.map((name) => ({ name, url: name })),
    output_stream_url: outputUrl,
    release:
      build.releaseId === undefined ? null : { id: build.releaseId, version: build.releaseVersion ?? 0 },
    slug: null,
    source_blob: { checksum: null, url: null, version: build.commit ?? null, version_description: null },
    stack: app.stack,
    user: { id: build.accountId, email: build.accountEmail },
    error: build.error ?? null,
    position: build.position ?? null,
    source_kind: build.sourceKind,
    attempts: build.attempts,
    created_at: isoTime(build.createdAt),
    updated_at: isoTime(build.finishedAt ?? build.startedAt ?? build.createdAt),
  };
}
