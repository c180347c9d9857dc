// Tokens: how programs sign in. Only a hash is kept; the secret is shown once.

import { createHash } from 'node:crypto';
import { nanoid } from 'nanoid';
import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type AccountId, newId, type TokenId } from '../ids.js';
import { type Account, getAccount } from './accounts.js';

export interface Token {
  readonly id: TokenId;
  readonly accountId: AccountId;
  readonly description: string;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Epoch ms; undefined for never. */
  readonly expiresAt: number | undefined;
}

/** Makes a token; `secret` is what the user keeps, and cannot be read again. */
export function createToken(
  db: Database,
  options: { accountId: AccountId; description: string; expiresInSeconds?: number },
): { token: Token; secret: string } {
  if (options.description.length > 200) {
    throw new PaasError('invalid_params', 'A description has at most 200 characters.');
  }
  const secret = `paas-${nanoid(40)}`;
  const createdAt = db.now();
  const token: Token = {
    id: newId(),
    accountId: options.accountId,
    description: options.description,
    createdAt,
    expiresAt:
      options.expiresInSeconds === undefined ? undefined : createdAt + options.expiresInSeconds * 1000,
  };
  db.write(() =>
    db.sql
      .prepare(
        'insert into tokens (id, account_id, description, token_hash, created_at, expires_at) values (?, ?, ?, ?, ?, ?)',
      )
      .run(token.id, token.accountId, token.description, hash(secret), createdAt, token.expiresAt ?? null),
  );
  return { token, secret };
}

/** Whose token `secret` is; undefined when unknown or expired. */
export function findAccountByToken(
  db: Database,
  secret: string,
): { account: Account; token: Token } | undefined {
  if (secret.length > 200) return undefined;
  const row = db.sql.prepare(`${SELECT} where token_hash = ?`).get(hash(secret)) as TokenRow | undefined;
  if (row === undefined || (row.expires_at !== null && row.expires_at <= db.now())) return undefined;
  const account = getAccount(db, row.account_id);
  return account && { account, token: present(row) };
}

export function listTokens(db: Database, accountId: AccountId): Token[] {
  const rows = db.sql.prepare(`${SELECT} where account_id = ? order by created_at`).all(accountId);
  return (rows as TokenRow[]).map(present);
}

/** Revokes a token of the account. Throws `not_found`. */
export function deleteToken(db: Database, options: { accountId: AccountId; id: string }): Token {
  return db.write(() => {
    const row = db.sql
      .prepare(`${SELECT} where id = ? and account_id = ?`)
      .get(options.id, options.accountId);
    if (row === undefined) {
      throw new PaasError('not_found', `Couldn't find the authorization ${quoteValue(options.id)}.`);
    }
    db.sql.prepare('delete from tokens where id = ?').run(options.id);
    return present(row as TokenRow);
  });
}

const SELECT = 'select id, account_id, description, created_at, expires_at from tokens';

interface TokenRow {
  readonly id: TokenId;
  readonly account_id: AccountId;
  readonly description: string;
  readonly created_at: number;
  readonly expires_at: number | null;
}

function present(row: TokenRow): Token {
  return {
    id: row.id,
    accountId: row.account_id,
    description: row.description,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
  };
}

// A token has 240 random bits: a plain hash is enough, no stretching needed.
function hash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
