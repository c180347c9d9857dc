// Accounts: who may sign in. Passwords are kept as scrypt hashes.

import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type AccountId, newId } from '../ids.js';

export interface Account {
  readonly id: AccountId;
  readonly email: string;
  /** An admin sees every app of the install. */
  readonly isAdmin: boolean;
  /** Epoch ms. */
  readonly createdAt: number;
}

const MIN_PASSWORD_LENGTH = 8;

/** Adds an account. Throws `invalid_params` for a bad e-mail or a short password, `conflict` for a known e-mail. */
export async function createAccount(
  db: Database,
  options: { email: string; password: string; isAdmin: boolean },
): Promise<Account> {
  const email = options.email.trim();
  if (!/^[^\s@\u0000-\u001f]{1,64}@[^\s@\u0000-\u001f]{1,190}$/.test(email)) {
    throw new PaasError('invalid_params', `${quoteValue(email)} is not an e-mail address.`);
  }
  if (options.password.length < MIN_PASSWORD_LENGTH) {
    throw new PaasError('invalid_params', `A password needs at least ${MIN_PASSWORD_LENGTH} characters.`);
  }
  const passwordHash = await hashPassword(options.password);
  return db.write(() => {
    if (findAccountByEmail(db, email)) {
      throw new PaasError('conflict', `There is an account ${quoteValue(email)} already.`);
    }
    const account: Account = { id: newId(), email, isAdmin: options.isAdmin, createdAt: db.now() };
    db.sql
      .prepare('insert into accounts (id, email, password_hash, is_admin, created_at) values (?, ?, ?, ?, ?)')
      .run(account.id, email, passwordHash, account.isAdmin ? 1 : 0, account.createdAt);
    return account;
  });
}

export function getAccount(db: Database, id: AccountId): Account | undefined {
  const row = db.sql.prepare(`${SELECT} where id = ?`).get(id);
  return row === undefined ? undefined : present(row as AccountRow);
}

export function findAccountByEmail(db: Database, email: string): Account | undefined {
  const row = db.sql.prepare(`${SELECT} where email = ?`).get(email.trim());
  return row === undefined ? undefined : present(row as AccountRow);
}

/** The account, or undefined when e-mail or password is wrong; takes as long for an unknown e-mail. */
export async function checkPassword(
  db: Database,
  options: { email: string; password: string },
): Promise<Account | undefined> {
  const account = findAccountByEmail(db, options.email);
  const stored = account
    ? (db.sql.prepare('select password_hash from accounts where id = ?').pluck().get(account.id) as string)
    : UNKNOWN_ACCOUNT_HASH;
  const matches = await passwordMatches(options.password, stored);
  return matches ? account : undefined;
}

/** Sets a new password and ends all sessions of the account. */
export async function changePassword(
  db: Database,
  options: { account: Account; password: string },
): Promise<void> {
  if (options.password.length < MIN_PASSWORD_LENGTH) {
    throw new PaasError('invalid_params', `A password needs at least ${MIN_PASSWORD_LENGTH} characters.`);
  }
  const passwordHash = await hashPassword(options.password);
  db.write(() => {
    db.sql
      .prepare('update accounts set password_hash = ? where id = ?')
      .run(passwordHash, options.account.id);
    db.sql.prepare('delete from sessions where account_id = ?').run(options.account.id);
  });
}

const SELECT = 'select id, email, is_admin, created_at from accounts';

interface AccountRow {
  readonly id: AccountId;
  readonly email: string;
  readonly is_admin: number;
  readonly created_at: number;
}

function present(row: AccountRow): Account {
  return { id: row.id, email: row.email, isAdmin: row.is_admin === 1, createdAt: row.created_at };
}

// scrypt with N=2^15, r=8, p=1 takes about 80 ms and 32 MiB here (OWASP's password storage advice).
const SCRYPT: ScryptOptions = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const UNKNOWN_ACCOUNT_HASH = `scrypt$${'A'.repeat(22)}==$${'A'.repeat(43)}=`;

// util.promisify picks the overload without options; the cast names the one with them.
const scryptAsync = promisify(scrypt) as (
  password: string,
  salt: Buffer,
  length: number,
  options: ScryptOptions,
) => Promise<Buffer>;

async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await scryptAsync(password.normalize('NFKC'), salt, 32, SCRYPT);
  return `scrypt$${salt.toString('base64')}$${hash.toString('base64')}`;
}

async function passwordMatches(password: string, stored: string): Promise<boolean> {
  const [, salt = '', expected = ''] = stored.split('$');
  const hash = await scryptAsync(password.normalize('NFKC'), Buffer.from(salt, 'base64'), 32, SCRYPT);
  return timingSafeEqual(hash, Buffer.from(expected, 'base64'));
}
