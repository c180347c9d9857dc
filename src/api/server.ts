// The way in by HTTP: the API (Heroku's shapes), git, and the dashboard's files, on one server.
// Requests come in; each route authorises, asks a noun in platform/ (or the build room, the dynos, the logs), and
// presents the answer. error-reply.ts words every failure, auth.ts says who asks, ticket.ts signs addresses.

import fastifyCookie from '@fastify/cookie';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  fastify,
  LogController,
  type RouteOptions,
} from 'fastify';
import { Type } from 'typebox';
import type { Deploys } from '../build/deploys.js';
import type { Database } from '../db/database.js';
import type { OneOffs } from '../dynos/one-off.js';
import type { Why } from '../dynos/why.js';
import { PaasError } from '../errors.js';
import type { Pushes } from '../git/pushes.js';
import { addGitRoutes } from '../git/smart-http.js';
import { newId } from '../ids.js';
import type { Logger } from '../log.js';
import type { LogClient } from '../logs/client.js';
import type { ServerUpkeep } from '../upkeep/server-upkeep.js';
import { addAccountRoutes } from './account.js';
import { createActionLog } from './action-log.js';
import { refuseWithoutFiles } from './admission.js';
import type { ApiServer } from './api-server.js';
import { addAppRoutes } from './apps.js';
import { createAttachments } from './attach.js';
import { refuseForeignOrigins, requireSignIn } from './auth.js';
import { addAuthorizationRoutes } from './authorizations.js';
import { addAutoscaleRoutes } from './autoscale.js';
import { addAutosleepRoutes } from './autosleep.js';
import { addBuildpackRoutes } from './buildpack-installations.js';
import { addBuildRoutes } from './builds.js';
import { addCheckRoutes } from './checks.js';
import { addCollaboratorRoutes } from './collaborators.js';
import { addConfigVarRoutes } from './config-vars.js';
import { addDashboard } from './dashboard.js';
import { addDomainRoutes } from './domains.js';
import { addDynoSettingsRoutes, type DynoDefaults } from './dyno-settings.js';
import { addDynoRoutes, type DynoList } from './dynos.js';
import { replyError } from './error-reply.js';
import { addFormationRoutes } from './formation.js';
import { addLogSessionRoutes } from './log-sessions.js';
import { addLoginRoutes } from './login.js';
import { createOutputLinks } from './output-links.js';
import { addEmptyRoutes, addPlaceRoutes } from './places.js';
import type { PlatformUrls } from './present.js';
import { addReleaseRoutes } from './releases.js';
import { acceptBodies } from './request-body.js';
import { addSecurityHeaders } from './security-headers.js';
import { addServerRoutes } from './server-state.js';
import { createSignInLimit } from './sign-in-limit.js';
import { addSourceRoutes } from './sources.js';
import { createTickets } from './ticket.js';
import { createUploads } from './uploads.js';
import { addWhyRoutes } from './why.js';

/** What the server is made of. */
export interface ServerDeps {
  readonly db: Database;
  readonly log: Logger;
  readonly urls: PlatformUrls;
  readonly logs: Pick<LogClient, 'write' | 'read' | 'tailBatches'>;
  readonly deploys: Pick<Deploys, 'check' | 'start' | 'find' | 'readOutput'>;
  readonly pushes: Pushes;
  readonly dynos: DynoList;
  readonly why: Why;
  readonly oneOffs: Pick<OneOffs, 'create' | 'kill'>;
  readonly upkeep: ServerUpkeep;
  readonly settings: ServerSettings;
  /** How many more files the process may open. */
  readonly freeFiles?: () => number;
}

export interface ServerSettings {
  /** Signs addresses; 32 bytes. */
  readonly signingKey: Buffer;
  readonly uploadsDirectory: string;
  /** Largest archive and largest push, in bytes. */
  readonly maxSourceBytes: number;
  /** The built dashboard; undefined for none. */
  readonly dashboardDirectory: string | undefined;
  readonly version: string;
  readonly dynoDefaults: DynoDefaults;
}

/** The server, ready to listen (or to `inject`). `forceCloseConnections`: closing it ends streams, pushes and runs. */
export async function buildServer(deps: ServerDeps): Promise<FastifyInstance> {
  const server = makeServer(deps.log);
  const routes: { method: string; url: string }[] = [];
  server.decorate('routeList', routes);
  server.addHook('onRoute', (route) => {
    routes.push(...methodsOf(route));
  });
  server.setErrorHandler(replyError);
  server.setNotFoundHandler((request, reply) =>
    replyError(new PaasError('not_found', 'There is nothing at this address.'), request, reply),
  );
  addSecurityHeaders(server);
  if (deps.freeFiles !== undefined) refuseWithoutFiles(server, deps.freeFiles);
  await server.register(fastifyCookie);
  server.get('/healthz', { schema: { response: { 200: HEALTH } } }, async () => ({
    status: 'ok',
    version: deps.settings.version,
  }));
  await server.register((api, _options, done) => {
    addApi(api.withTypeProvider<TypeBoxTypeProvider>(), deps);
    done();
  });
  await server.register((git, _options, done) => {
    addGitRoutes(git, deps);
    done();
  });
  const { dashboardDirectory } = deps.settings;
  if (dashboardDirectory !== undefined) await addDashboard(server, { directory: dashboardDirectory });
  return server;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route, for the test that walks them. */
    routeList: readonly { method: string; url: string }[];
  }
}

const HEALTH = Type.Object({ status: Type.String(), version: Type.String() });

function makeServer(log: Logger): FastifyInstance {
  const loggerInstance: FastifyBaseLogger = log;
  return fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    // The proxy on this machine is the only one that may say who the client is.
    trustProxy: 'loopback',
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    genReqId: () => newId(),
    // Bodies have time limits of their own (request-body.ts, git/request-body.ts): a push may take an hour.
    requestTimeout: 0,
    keepAliveTimeout: 72_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1000, maxHeaderSize: 16_384 },
    routerOptions: { maxParamLength: 256 },
    ajv: {
      customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false },
    },
    frameworkErrors: replyError,
  });
}

function addApi(api: ApiServer, deps: ServerDeps): void {
  const { db, log, urls, logs, deploys, dynos, oneOffs, upkeep, settings } = deps;
  refuseForeignOrigins(api);
  requireSignIn(api, { db });
  refuseOddAddresses(api);
  acceptBodies(api);

  const logAction = createActionLog(logs);
  const tickets = createTickets({ key: settings.signingKey, now: db.now });
  const signInLimit = createSignInLimit({ now: db.now });
  const outputLinks = createOutputLinks({ db, urls, tickets });
  const attachments = createAttachments({ db, urls, logs, log });
  const uploads = createUploads({ directory: settings.uploadsDirectory, maxBytes: settings.maxSourceBytes });
  api.server.on('upgrade', attachments.upgrade);
  api.addHook('preClose', async () => attachments.end());

  addLoginRoutes(api, { db, signInLimit, isHttps: urls.platform.startsWith('https:') });
  addAccountRoutes(api);
  addAuthorizationRoutes(api, { db, signInLimit });
  addAppRoutes(api, { db, urls, logAction, whenRouted: dynos.whenRouted });
  addConfigVarRoutes(api, { db, logAction });
  addReleaseRoutes(api, { db, logAction, outputLinks, upkeep });
  addFormationRoutes(api, { db, logAction });
  addCheckRoutes(api, { db, dynos, logAction, defaults: settings.dynoDefaults });
  addAutosleepRoutes(api, { db, logAction });
  addAutoscaleRoutes(api, { db, logAction });
  addDynoRoutes(api, { db, dynos, oneOffs, attachments, logAction });
  addDynoSettingsRoutes(api, { db, logAction, defaults: settings.dynoDefaults });
  addWhyRoutes(api, { db, why: deps.why, dynos, logs });
  addLogSessionRoutes(api, { db, urls, tickets, logs });
  addBuildRoutes(api, { db, deploys, outputLinks, tickets, uploads, log, upkeep });
  addSourceRoutes(api, { db, urls, tickets, uploads, upkeep });
  addDomainRoutes(api, { db, urls, logAction, whenRouted: dynos.whenRouted });
  addBuildpackRoutes(api, { db, logAction });
  addCollaboratorRoutes(api, { db, logAction });
  addPlaceRoutes(api);
  addServerRoutes(api, { upkeep });
  addEmptyRoutes(api, { db });
}

/** Refuses control characters in names, and query parameters that no schema knows: ignoring them would mislead. */
function refuseOddAddresses(api: ApiServer): void {
  api.addHook('preValidation', async (request) => {
    // Both are objects of strings until a schema has checked them.
    const params = Object.values(request.params as Record<string, string>);
    if (params.some((value) => /[\u0000-\u001f\u007f]/.test(value))) {
      throw new PaasError('bad_request', 'The path holds a control character.');
    }
    const [parameter] = Object.keys(request.query as Record<string, string>);
    if (parameter !== undefined && request.routeOptions.schema?.querystring === undefined) {
      throw new PaasError('bad_request', 'This address takes no query parameters.', {
        hint: 'Lists are paged with the Range header, such as: Range: id ..; max=200',
      });
    }
  });
}

function methodsOf(route: RouteOptions): { method: string; url: string }[] {
  const methods = Array.isArray(route.method) ? route.method : [route.method];
  return methods.map((method) => ({ method, url: route.url }));
}
