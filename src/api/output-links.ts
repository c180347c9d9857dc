// Addresses of text that grows (builds, release phases): signed, so that a plain GET can follow them.

import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { AccountId } from '../ids.js';
import { type Account, getAccount } from '../platform/accounts.js';
import type { App } from '../platform/apps.js';
import type { Build } from '../platform/builds.js';
import type { Release } from '../platform/releases.js';
import { accountOf } from './auth.js';
import type { PlatformUrls } from './present.js';
import type { TicketPurpose, Tickets } from './ticket.js';

const LIFE_MS = 24 * 3600 * 1000;

/** Makes the addresses and checks who follows them. */
export interface OutputLinks {
  build(app: App, account: Account, build: Build): string;
  /** Null for a release without a release phase. */
  release(app: App, account: Account, release: Release): string | null;
  /** Who reads: the account of the ticket, else that of the credentials. Throws `forbidden` or `unauthorized`. */
  reader(
    request: FastifyRequest<{ Querystring: { ticket?: string } }>,
    purpose: TicketPurpose,
    subject: string,
  ): Account;
}

/** Links that are good for a day, for as long as the account has access to the app. */
export function createOutputLinks(deps: { db: Database; urls: PlatformUrls; tickets: Tickets }): OutputLinks {
  const link = (purpose: TicketPurpose, options: { path: string; account: Account; subject: string }) => {
    const claims = { account: options.account.id, subject: options.subject };
    return `${deps.urls.platform}${options.path}?ticket=${deps.tickets.issue(purpose, claims, LIFE_MS)}`;
  };
  return {
    build: (app, account, build) =>
      link('build-output', { path: `/apps/${app.id}/builds/${build.id}/output`, account, subject: build.id }),
    release(app, account, release) {
      if (release.image === undefined || release.processTypes['release'] === undefined) return null;
      const path = `/apps/${app.id}/releases/${release.id}/output`;
      return link('release-output', { path, account, subject: release.id });
    },
    reader(request, purpose, subject) {
      const { ticket } = request.query;
      if (ticket === undefined) return accountOf(request);
      const claims = deps.tickets.open(purpose, ticket);
      // We wrote it: the ticket's signature fits.
      const account = getAccount(deps.db, claims['account'] as AccountId);
      if (claims['subject'] !== subject || account === undefined) {
        throw new PaasError('forbidden', 'This address is for something else.');
      }
      return account;
    },
  };
}

/** Answers with text as it comes; `signal` aborts when the reader has gone. */
export function sendText(
  reply: FastifyReply,
  text: (signal: AbortSignal) => AsyncIterable<string>,
): FastifyReply {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  async function* flushed() {
    // Reading begins when the head is written: send it now, the first chunk may be long in coming.
    if (reply.raw.headersSent) reply.raw.flushHeaders();
    yield* text(gone.signal);
  }
  const stream = Readable.from(flushed(), { objectMode: false, encoding: 'utf8' });
  return reply.type('text/plain; charset=utf-8').header('x-accel-buffering', 'no').send(stream);
}
