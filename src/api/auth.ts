// Who makes a request: by token (Bearer, or Basic with the token as password), or by the dashboard's cookie. A token
// in the address is never looked at.

import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import { type Account, checkPassword } from '../platform/accounts.js';
import { findSession } from '../platform/sessions.js';
import { findAccountByToken, type Token } from '../platform/tokens.js';
import type { SignInLimit } from './sign-in-limit.js';

/** How a request was signed in. */
export type SignedIn =
  | { readonly kind: 'token'; readonly account: Account; readonly token: Token; readonly secret: string }
  | { readonly kind: 'session'; readonly account: Account; readonly csrf: string };

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined on open routes when the request brings no valid credentials. */
    signedIn: SignedIn | undefined;
  }
  interface FastifyContextConfig {
    /** Answers without credentials. All other routes refuse. */
    isOpen?: boolean;
  }
}

/** Name of the dashboard's cookie. */
export const SESSION_COOKIE = 'paas_session';

/** Refuses requests without valid credentials on every route of `server` that is not marked as open. */
export function requireSignIn(server: FastifyInstance, deps: { db: Database }): void {
  server.decorateRequest('signedIn', undefined);
  server.addHook('onRequest', async (request) => {
    request.signedIn = signIn(request, deps.db);
    if (request.routeOptions.config.isOpen === true) return;
    if (request.signedIn === undefined) throw unauthorized();
    if (request.signedIn.kind === 'session') checkCsrf(request, request.signedIn.csrf);
  });
}

/** The account behind the request. Throws `unauthorized`. */
export function accountOf(request: FastifyRequest): Account {
  if (request.signedIn === undefined) throw unauthorized();
  return request.signedIn.account;
}

/** Refuses what a page of another site sends; browsers name that site in `Origin`. */
export function refuseForeignOrigins(server: FastifyInstance): void {
  server.addHook('onRequest', async (request) => {
    if (!isOwnOrigin(request.headers.origin, request.headers.host)) {
      throw new PaasError('forbidden', 'Requests from pages of other sites are not allowed.');
    }
  });
}

/** Whether an `Origin` header (if there is one) names the host that the request is for. */
export function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase());
}

/** Throws `forbidden` unless a write brings the session's token in `X-CSRF-Token`. */
export function checkCsrf(request: FastifyRequest, csrf: string): void {
  if (request.method === 'GET') return;
  const given = Buffer.from(String(request.headers['x-csrf-token'] ?? ''));
  const expected = Buffer.from(csrf);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new PaasError('forbidden', 'The header X-CSRF-Token is missing or wrong.', {
      hint: 'Reload the page.',
    });
  }
}

/** Checks e-mail and password, within the limit of tries. Throws `unauthorized` or `rate_limit`. */
export async function signInByPassword(
  deps: { db: Database; signInLimit: SignInLimit },
  attempt: { email: string; password: string; address: string },
): Promise<Account> {
  deps.signInLimit.begin(attempt);
  const account = await checkPassword(deps.db, attempt);
  if (account === undefined)
    throw new PaasError('unauthorized', 'The e-mail address or the password is wrong.');
  deps.signInLimit.succeeded(attempt);
  return account;
}

/** User and password of a Basic `Authorization` header. */
export function readBasic(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=_-]{1,4096})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function signIn(request: FastifyRequest, db: Database): SignedIn | undefined {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const secret = /^bearer +([\x21-\x7e]{1,200})$/i.exec(header)?.[1] ?? readBasic(header)?.password;
    const found = secret === undefined ? undefined : findAccountByToken(db, secret);
    return found && secret !== undefined ? { kind: 'token', ...found, secret } : undefined;
  }
  const cookie = request.cookies[SESSION_COOKIE];
  const session = cookie === undefined || cookie.length > 200 ? undefined : findSession(db, cookie);
  return session && { kind: 'session', ...session };
}

function unauthorized(): PaasError {
  return new PaasError('unauthorized', 'Invalid credentials provided.', { hint: 'Log in with: paas login' });
}
