// Sessions: how the dashboard stays signed in. The cookie's secret is kept as a hash.

import { createHash } from 'node:crypto';
import { nanoid } from 'nanoid';
import type { Database } from '../db/database.js';
import type { AccountId } from '../ids.js';
import { type Account, getAccount } from './accounts.js';

const SESSION_MS = 14 * 24 * 3600 * 1000;

/** Starts a session of two weeks. `csrf` must come back as a header with every write. */
export function createSession(
  db: Database,
  accountId: AccountId,
): { secret: string; csrf: string; expiresAt: number } {
  const secret = nanoid(40);
  const csrf = nanoid(32);
  const createdAt = db.now();
  const expiresAt = createdAt + SESSION_MS;
  db.write(() => {
    db.sql.prepare('delete from sessions where expires_at <= ?').run(createdAt);
    db.sql
      .prepare(
        'insert into sessions (secret_hash, account_id, csrf, created_at, expires_at) values (?, ?, ?, ?, ?)',
      )
      .run(hash(secret), accountId, csrf, createdAt, expiresAt);
  });
  return { secret, csrf, expiresAt };
}

/** The session behind a cookie; undefined when unknown or over. */
export function findSession(db: Database, secret: string): { account: Account; csrf: string } | undefined {
  const row = db.sql
    .prepare('select account_id, csrf from sessions where secret_hash = ? and expires_at > ?')
    .get(hash(secret), db.now()) as { account_id: AccountId; csrf: string } | undefined;
  const account = row && getAccount(db, row.account_id);
  return row && account && { account, csrf: row.csrf };
}

/** Ends a session; fine when it is over already. */
export function deleteSession(db: Database, secret: string): void {
  db.write(() => db.sql.prepare('delete from sessions where secret_hash = ?').run(hash(secret)));
}

function hash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
