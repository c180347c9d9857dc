// Logs: a session is an address, signed and complete in itself; reading it gives server-sent events.

import { Readable } from 'node:stream';
import { Type } from 'typebox';
import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import { type AccountId, newId } from '../ids.js';
import type { LogClient } from '../logs/client.js';
import { parseLastEventId } from '../logs/sse.js';
import { getAccount } from '../platform/accounts.js';
import { findAppFor } from '../platform/apps.js';
import * as schema from '../schemas/log-session.js';
import { AppParams, exactly } from '../schemas/parts.js';
import type { ApiServer } from './api-server.js';
import { accountOf } from './auth.js';
import { finishedStream, liveStream } from './log-stream.js';
import { isoTime, type PlatformUrls } from './present.js';
import type { Tickets } from './ticket.js';

const LIFE_MS = 24 * 3600 * 1000;
const DEFAULT_LINES = 100;

export interface LogSessionDeps {
  readonly db: Database;
  readonly urls: PlatformUrls;
  readonly tickets: Tickets;
  readonly logs: Pick<LogClient, 'read' | 'tailBatches'>;
}

/** Adds `/apps/:app/log-sessions` and the stream it points to. */
export function addLogSessionRoutes(server: ApiServer, deps: LogSessionDeps): void {
  const { db, urls, tickets } = deps;

  server.post(
    '/apps/:app/log-sessions',
    { schema: { params: AppParams, body: schema.CreateLogSession, response: { 201: schema.LogSession } } },
    async (request, reply) => {
      const account = accountOf(request);
      const app = findAppFor(db, account, request.params.app);
      const claims = { app: app.id, account: account.id, ...readWishes(request.body) };
      const url = `${urls.platform}/logs/stream?ticket=${tickets.issue('log-stream', claims, LIFE_MS)}`;
      const now = isoTime(db.now());
      return reply.code(201).send({ id: newId(), logplex_url: url, created_at: now, updated_at: now });
    },
  );

  server.get(
    '/logs/stream',
    {
      config: { isOpen: true },
      schema: { querystring: exactly({ ticket: Type.String({ maxLength: 4096 }) }) },
    },
    async (request, reply) => {
      const wishes = readClaims(tickets.open('log-stream', request.query.ticket));
      const app = findAppFor(db, requireAccount(db, wishes.account), wishes.app);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const lastEventId = first(request.headers['last-event-id']);
      const afterSeq = parseLastEventId(lastEventId);
      // An id that was never given out means: from now on.
      const lines = lastEventId !== undefined && afterSeq === undefined ? 0 : wishes.lines;
      const query = { ...wishes.filter, appId: app.id, lines };
      const hasAccess = () => canStillRead(db, wishes);
      const stream = wishes.tail
        ? liveStream(deps.logs.tailBatches({ ...query, afterSeq, signal: gone.signal }), {
            hasAccess,
            stop: gone,
            now: db.now,
          })
        : finishedStream(() => deps.logs.read(query));
      reply.raw.once('close', () => stream.return(undefined).catch(() => undefined));
      return reply
        .header('content-type', 'text/event-stream; charset=utf-8')
        .header('x-accel-buffering', 'no')
        .send(Readable.from(stream, { objectMode: false, encoding: 'utf8' }));
    },
  );
}

interface Wishes {
  readonly lines: number;
  readonly tail: boolean;
  readonly app: string;
  readonly account: AccountId;
  readonly filter: { source?: string; process?: string; dyno?: string };
}

function readWishes(body: schema.CreateLogSession): Record<string, string | number | boolean> {
  const dyno = body.dyno ?? body.dyno_name;
  return {
    lines: body.lines ?? DEFAULT_LINES,
    tail: body.tail ?? false,
    ...(body.source && { source: body.source }),
    ...(body.type && { process: body.type }),
    ...(dyno && { dyno }),
  };
}

// The claims are ours: the ticket's signature fits.
function readClaims(claims: Readonly<Record<string, unknown>>): Wishes {
  const text = (key: string) => (typeof claims[key] === 'string' ? { [key]: claims[key] } : {});
  return {
    lines: Number(claims['lines']),
    tail: claims['tail'] === true,
    app: String(claims['app']),
    account: String(claims['account']) as AccountId,
    filter: { ...text('source'), ...text('process'), ...text('dyno') },
  };
}

function requireAccount(db: Database, id: AccountId) {
  const account = getAccount(db, id);
  if (account === undefined) throw new PaasError('forbidden', 'The account of this address is gone.');
  return account;
}

function canStillRead(db: Database, wishes: Wishes): boolean {
  try {
    findAppFor(db, requireAccount(db, wishes.account), wishes.app);
    return true;
  } catch (error) {
    if (error instanceof PaasError) return false;
    throw error;
  }
}

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
