// The account that makes the request.

import type { Account } from '../platform/accounts.js';
import * as schema from '../schemas/account.js';
import type { ApiServer } from './api-server.js';
import { accountOf } from './auth.js';
import { isoTime } from './present.js';

/** Adds `/account` and `/users/~`. */
export function addAccountRoutes(server: ApiServer): void {
  for (const url of ['/account', '/users/~']) {
    server.get(url, { schema: { response: { 200: schema.Account } } }, async (request) =>
      presentAccount(accountOf(request)),
    );
  }
}

function presentAccount(account: Account): schema.Account {
  return {
    id: account.id,
    email: account.email,
    name: null,
    allow_tracking: false,
    beta: false,
    country_of_residence: null,
    default_organization: null,
    default_team: null,
    delinquent_at: null,
    federated: false,
    identity_provider: null,
    last_login: null,
    sms_number: null,
    suspended_at: null,
    two_factor_authentication: false,
    verified: true,
    created_at: isoTime(account.createdAt),
    updated_at: isoTime(account.createdAt),
  };
}
