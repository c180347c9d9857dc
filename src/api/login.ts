// Signing in to the dashboard: password in, cookie out.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import { createSession, deleteSession } from '../platform/sessions.js';
import * as schema from '../schemas/account.js';
import { Nothing } from '../schemas/parts.js';
import type { ApiServer } from './api-server.js';
import { checkCsrf, SESSION_COOKIE, signInByPassword } from './auth.js';
import type { SignInLimit } from './sign-in-limit.js';

/** Adds `/login`. `isHttps`: the platform is reached by TLS only, so the cookie may be kept off plain connections. */
export function addLoginRoutes(
  server: ApiServer,
  deps: { db: Database; signInLimit: SignInLimit; isHttps: boolean },
): void {
  const cookie = { path: '/', httpOnly: true, sameSite: 'strict', secure: deps.isHttps } as const;
  const open = { config: { isOpen: true } };

  server.post(
    '/login',
    { ...open, schema: { body: schema.SignIn, response: { 201: schema.SignedIn } } },
    async (request, reply) => {
      const account = await signInByPassword(deps, { ...request.body, address: request.ip });
      const session = createSession(deps.db, account.id);
      reply.setCookie(SESSION_COOKIE, session.secret, { ...cookie, expires: new Date(session.expiresAt) });
      return reply.code(201).send({ email: account.email, csrf: session.csrf });
    },
  );

  server.get('/login', { ...open, schema: { response: { 200: schema.SignedIn } } }, async (request) => {
    if (request.signedIn?.kind !== 'session') throw new PaasError('unauthorized', 'Nobody is signed in.');
    return { email: request.signedIn.account.email, csrf: request.signedIn.csrf };
  });

  server.delete('/login', { ...open, schema: { response: { 200: Nothing } } }, async (request, reply) => {
    if (request.signedIn?.kind === 'session') checkCsrf(request, request.signedIn.csrf);
    const secret = request.cookies[SESSION_COOKIE];
    if (secret !== undefined) deleteSession(deps.db, secret);
    reply.clearCookie(SESSION_COOKIE, cookie);
    return {};
  });
}
