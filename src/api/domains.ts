// Domains of an app: the platform's own name for it, and those that users add.

import type { Database } from '../db/database.js';
import { type App, findAppFor } from '../platform/apps.js';
import { addDomain, type Domain, findDomain, listDomains, removeDomain } from '../platform/domains.js';
import { listShadowedHosts } from '../platform/hosts.js';
import * as schema from '../schemas/domain.js';
import { AppParams } from '../schemas/parts.js';
import type { ActionLog } from './action-log.js';
import { type ApiServer, answerPage, listOf } from './api-server.js';
import { appReference } from './apps.js';
import { accountOf } from './auth.js';
import { derivedId, isoTime, type PlatformUrls } from './present.js';

/** Adds `/apps/:app/domains`. */
export function addDomainRoutes(
  server: ApiServer,
  deps: { db: Database; urls: PlatformUrls; logAction: ActionLog; whenRouted: () => Promise<void> },
): void {
  const { db, urls, logAction } = deps;
  const place = { platformHost: urls.platformHost, platformDomain: urls.appDomain };
  const one = { params: schema.DomainParams, response: { 200: schema.Domain } };

  /** Says of a domain where it leads when that is not the app. */
  function holderTeller(app: App): (domain: schema.Domain) => schema.Domain {
    const shadowed = listShadowedHosts(db, place).filter(({ appId }) => appId === app.id);
    const holders = new Map(shadowed.map(({ hostname, holder }) => [hostname, holder]));
    return (domain) => {
      const holder = holders.get(domain.hostname);
      return holder === undefined ? domain : { ...domain, status: 'failed', shadowed_by: holder };
    };
  }

  server.get(
    '/apps/:app/domains',
    { schema: { params: AppParams, response: listOf(schema.Domain) } },
    async (request, reply) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      const domains = listDomains(db, app.id).map((domain) => present(domain, app, urls));
      const items = [ownDomain(app, urls), ...domains].map(holderTeller(app));
      const keys = { hostname: (item: schema.Domain) => item.hostname, id: (item: schema.Domain) => item.id };
      return answerPage(request, reply, { items, keys });
    },
  );

  server.post(
    '/apps/:app/domains',
    { schema: { params: AppParams, body: schema.AddDomain, response: { 201: schema.Domain } } },
    async (request, reply) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const { hostname } = request.body;
      const domain = addDomain(db, { app, hostname, ...place });
      logAction(app.id, by, [`Add ${domain.hostname} domain`]);
      await deps.whenRouted();
      return reply.code(201).send(present(domain, app, urls));
    },
  );

  server.get('/apps/:app/domains/:hostname', { schema: one }, async (request) => {
    const app = findAppFor(db, accountOf(request), request.params.app);
    const own = ownDomain(app, urls);
    const wanted = request.params.hostname;
    const isOwn = wanted === own.hostname || wanted === own.id;
    return holderTeller(app)(isOwn ? own : present(findDomain(db, app, wanted), app, urls));
  });

  server.delete('/apps/:app/domains/:hostname', { schema: one }, async (request) => {
    const by = accountOf(request);
    const app = findAppFor(db, by, request.params.app);
    const domain = removeDomain(db, { app, hostname: request.params.hostname });
    logAction(app.id, by, [`Remove ${domain.hostname} domain`]);
    await deps.whenRouted();
    return present(domain, app, urls);
  });
}

function ownDomain(app: App, urls: PlatformUrls): schema.Domain {
  const hostname = `${app.name}.${urls.appDomain}`;
  const domain = { id: derivedId('domain', app.id), hostname, createdAt: app.createdAt };
  return { ...fields(domain, app), kind: 'heroku', cname: null };
}

function present(domain: Domain, app: App, urls: PlatformUrls): schema.Domain {
  return { ...fields(domain, app), kind: 'custom', cname: `${app.name}.${urls.appDomain}` };
}

function fields(domain: { id: string; hostname: string; createdAt: number }, app: App) {
  return {
    id: domain.id,
    hostname: domain.hostname,
    status: 'succeeded',
    shadowed_by: null,
    acm_status: null,
    acm_status_reason: null,
    sni_endpoint: null,
    app: appReference(app),
    created_at: isoTime(domain.createdAt),
    updated_at: isoTime(domain.createdAt),
  };
}
