// Sources: an address to upload an archive to, and to name it by when a build is asked for.

import { Type } from 'typebox';
import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import { newId } from '../ids.js';
import type { Account } from '../platform/accounts.js';
import { findAppFor } from '../platform/apps.js';
import * as schema from '../schemas/build.js';
import { AppParams, exactly, Nothing } from '../schemas/parts.js';
import type { ServerUpkeep } from '../upkeep/server-upkeep.js';
import type { ApiServer } from './api-server.js';
import { accountOf } from './auth.js';
import type { PlatformUrls } from './present.js';
import { announcedBytes } from './request-body.js';
import type { Tickets } from './ticket.js';
import type { NamedSource, Uploads } from './uploads.js';

const LIFE_MS = 3600 * 1000;
const Query = exactly({ ticket: Type.String({ maxLength: 4096 }) });

export interface SourceDeps {
  readonly db: Database;
  readonly urls: PlatformUrls;
  readonly tickets: Tickets;
  readonly uploads: Uploads;
  readonly upkeep: Pick<ServerUpkeep, 'requireSpace'>;
}

/** Adds `/sources`, and the signed address that archives are put to and got from. */
export function addSourceRoutes(server: ApiServer, deps: SourceDeps): void {
  const { db, uploads, tickets } = deps;

  server.post('/sources', { schema: { response: { 201: schema.Source } } }, async (request, reply) =>
    reply.code(201).send(await makeSource(deps, accountOf(request))),
  );

  server.post(
    '/apps/:app/sources',
    { schema: { params: AppParams, response: { 201: schema.Source } } },
    async (request, reply) => {
      const account = accountOf(request);
      findAppFor(db, account, request.params.app);
      return reply.code(201).send(await makeSource(deps, account));
    },
  );

  server.put(
    '/sources/blob',
    // Whatever its type, the body is an archive; what is in it is checked before it is unpacked.
    {
      config: { isOpen: true, archive: 'any' },
      schema: { querystring: Query, response: { 200: Nothing } },
    },
    async (request) => {
      const named = readTicket(tickets, request.query.ticket);
      if (request.archive === undefined) throw new PaasError('bad_request', 'The archive is missing.');
      await deps.upkeep.requireSpace({ bytes: announcedBytes(request) });
      await uploads.receiveSource(named, request.archive);
      return {};
    },
  );

  server.get(
    '/sources/blob',
    { config: { isOpen: true }, schema: { querystring: Query } },
    async (request, reply) => {
      const { stream, bytes } = await uploads.readSource(readTicket(tickets, request.query.ticket));
      return reply.type('application/gzip').header('content-length', bytes).send(stream);
    },
  );
}

/** The source that a `get_url` of ours names. Throws `invalid_params` for any other address, `not_found` for another account's. */
export function readSourceUrl(deps: { tickets: Tickets }, account: Account, url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const ticket = parsed?.pathname === '/sources/blob' ? parsed.searchParams.get('ticket') : null;
  if (ticket === null || ticket === undefined) {
    throw new PaasError('invalid_params', 'The field source_blob.url must be the get_url of a source.', {
      hint: 'Make a source with POST /sources, or send the archive itself as application/gzip.',
    });
  }
  const claims = readTicket(deps.tickets, ticket);
  if (claims.account !== account.id) throw new PaasError('not_found', "Couldn't find that source.");
  return claims.source;
}

async function makeSource(deps: SourceDeps, account: Account) {
  await deps.uploads.removeOld(deps.db.now());
  const ticket = deps.tickets.issue('source', { source: newId(), account: account.id }, LIFE_MS);
  const url = `${deps.urls.platform}/sources/blob?ticket=${ticket}`;
  return { source_blob: { get_url: url, put_url: url } };
}

function readTicket(tickets: Tickets, text: string): NamedSource {
  const claims = tickets.open('source', text);
  return { source: String(claims['source']), account: String(claims['account']) };
}
