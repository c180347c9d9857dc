// Tokens for programs.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { Account } from '../platform/accounts.js';
import { createToken, deleteToken, listTokens, type Token } from '../platform/tokens.js';
import * as schema from '../schemas/authorization.js';
import { ErrorBody } from '../schemas/parts.js';
import { type ApiServer, listOf } from './api-server.js';
import { accountOf, readBasic, signInByPassword } from './auth.js';
import { isoTime } from './present.js';
import type { SignInLimit } from './sign-in-limit.js';

/** Adds `/oauth/authorizations`; making one also works with e-mail and password as Basic credentials. */
export function addAuthorizationRoutes(
  server: ApiServer,
  deps: { db: Database; signInLimit: SignInLimit },
): void {
  const { db } = deps;
  const params = schema.AuthorizationParams;

  server.post(
    '/oauth/authorizations',
    {
      config: { isOpen: true },
      schema: { body: schema.CreateAuthorization, response: { 201: schema.Authorization } },
    },
    async (request, reply) => {
      const basic = readBasic(request.headers.authorization);
      if (request.signedIn?.kind === 'session') throw useToken();
      const account =
        request.signedIn === undefined && basic !== undefined
          ? await signInByPassword(deps, { email: basic.user, password: basic.password, address: request.ip })
          : accountOf(request);
      const { description, expires_in: expiresIn } = request.body;
      const { token, secret } = createToken(db, {
        accountId: account.id,
        description: description ?? 'Command line',
        ...(expiresIn != null && { expiresInSeconds: Number(expiresIn) }),
      });
      return reply.code(201).send(present(token, { account, secret, now: db.now() }));
    },
  );

  server.get(
    '/oauth/authorizations',
    { schema: { response: listOf(schema.Authorization) } },
    async (request) => {
      const account = accountOf(request);
      return listTokens(db, account.id).map((token) => present(token, { account, now: db.now() }));
    },
  );

  server.get(
    '/oauth/authorizations/:authorization',
    { schema: { params, response: { 200: schema.Authorization } } },
    async (request) => {
      const account = accountOf(request);
      return present(findToken(db, account, wantedId(request)), { account, now: db.now() });
    },
  );

  server.delete(
    '/oauth/authorizations/:authorization',
    { schema: { params, response: { 200: schema.Authorization } } },
    async (request) => {
      const account = accountOf(request);
      const token = deleteToken(db, { accountId: account.id, id: wantedId(request) });
      return present(token, { account, now: db.now() });
    },
  );

  // Sessions of Heroku's browser login: there are none, and its `logout` is content with that.
  server.delete('/oauth/sessions/~', { schema: { response: { 404: ErrorBody } } }, async (_request, reply) =>
    reply.code(404).send({ id: 'not_found', message: "Couldn't find that session.", resource: 'session' }),
  );
}

type WithAuthorization = Parameters<typeof accountOf>[0] & { params: { authorization: string } };

// `~` is the token that the request itself was made with.
function wantedId(request: WithAuthorization): string {
  const { authorization } = request.params;
  if (authorization !== '~') return authorization;
  return request.signedIn?.kind === 'token' ? request.signedIn.token.id : authorization;
}

function findToken(db: Database, account: Account, id: string): Token {
  const token = listTokens(db, account.id).find((candidate) => candidate.id === id);
  if (token === undefined) throw new PaasError('not_found', "Couldn't find that authorization.");
  return token;
}

function useToken(): PaasError {
  return new PaasError(
    'forbidden',
    'A token is made with a token or a password, not with a dashboard session.',
    {
      hint: 'Log in with: paas login',
    },
  );
}

function present(
  token: Token,
  shown: { account: Account; secret?: string; now: number },
): schema.Authorization {
  const user = { id: shown.account.id, email: shown.account.email, full_name: null };
  const left =
    token.expiresAt === undefined ? null : Math.max(0, Math.floor((token.expiresAt - shown.now) / 1000));
  return {
    id: token.id,
    description: token.description,
    scope: ['global'],
    access_token: { id: token.id, token: shown.secret ?? '(hidden)', expires_in: left },
    client: null,
    grant: null,
    refresh_token: null,
    session: null,
    user,
    created_at: isoTime(token.createdAt),
    updated_at: isoTime(token.createdAt),
  };
}
