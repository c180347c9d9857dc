import { describe, expect, it } from 'vitest';
import {
  changePassword,
  checkPassword,
  createAccount,
  findAccountByEmail,
} from '../../../src/platform/accounts.js';
import { createSession, deleteSession, findSession } from '../../../src/platform/sessions.js';
import { createToken, deleteToken, findAccountByToken, listTokens } from '../../../src/platform/tokens.js';
import { addAccount, openTestDatabase } from '../../support/test-database.js';

const DAY_MS = 24 * 3600 * 1000;

/** Every byte of the database, its log included. */
function dump(sql: import('better-sqlite3').Database): Buffer {
  return sql.serialize();
}

function countAccounts({ sql }: ReturnType<typeof openTestDatabase>['db']): unknown {
  return sql.prepare('select count(*) from accounts').pluck().get();
}

describe('an account', () => {
  it('signs in with its password, whatever the case of the e-mail', async () => {
    using test = openTestDatabase();
    const account = await createAccount(test.db, {
      email: ' Dev@Example.com ',
      password: 'correct horse',
      isAdmin: true,
    });
    expect(account).toMatchObject({ email: 'Dev@Example.com', isAdmin: true });
    expect(await checkPassword(test.db, { email: 'dev@example.com', password: 'correct horse' })).toEqual(
      account,
    );
    expect(
      await checkPassword(test.db, { email: 'dev@example.com', password: 'correct hors' }),
    ).toBeUndefined();
    expect(
      await checkPassword(test.db, { email: 'nobody@example.com', password: 'correct horse' }),
    ).toBeUndefined();
    expect(await checkPassword(test.db, { email: 'dev@example.com', password: '' })).toBeUndefined();
    expect(dump(test.db.sql).includes('correct horse')).toBe(false);
  });

  it('is there once per e-mail', async () => {
    using test = openTestDatabase();
    const options = { email: 'dev@example.com', password: 'long enough', isAdmin: false };
    await createAccount(test.db, options);
    await expect(createAccount(test.db, { ...options, email: 'DEV@example.com' })).rejects.toMatchObject({
      id: 'conflict',
    });
    const both = await Promise.allSettled(
      [1, 2].map(() => createAccount(test.db, { ...options, email: 'new@example.com' })),
    );
    expect(both.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(countAccounts(test.db)).toBe(2);
  });

  it.each(['', 'dev', '@', 'a@', '@b', 'a b@c', 'a@b\n.c', `${'a'.repeat(65)}@b`, 'a@b@c\0'])(
    'has no e-mail like %j',
    async (email) => {
      using test = openTestDatabase();
      await expect(
        createAccount(test.db, { email, password: 'long enough', isAdmin: false }),
      ).rejects.toMatchObject({ id: 'invalid_params' });
    },
  );

  it('needs a password of 8 characters', async () => {
    using test = openTestDatabase();
    await expect(
      createAccount(test.db, { email: 'a@b', password: '1234567', isAdmin: false }),
    ).rejects.toMatchObject({ id: 'invalid_params' });
    expect(countAccounts(test.db)).toBe(0);
  });

  it('is signed out everywhere by a new password', async () => {
    using test = openTestDatabase();
    const account = await createAccount(test.db, { email: 'a@b', password: 'old password', isAdmin: false });
    const session = createSession(test.db, account.id);
    await changePassword(test.db, { account, password: 'new password' });
    expect(findSession(test.db, session.secret)).toBeUndefined();
    expect(await checkPassword(test.db, { email: 'a@b', password: 'old password' })).toBeUndefined();
    expect(await checkPassword(test.db, { email: 'a@b', password: 'new password' })).toEqual(account);
  });

  it('is not found by SQL in the e-mail', () => {
    using test = openTestDatabase();
    addAccount(test.db);
    expect(findAccountByEmail(test.db, "' or '1'='1")).toBeUndefined();
  });
});

describe('a token', () => {
  it('signs in until it is revoked, and is not in the database', () => {
    using test = openTestDatabase();
    const account = addAccount(test.db);
    const { token, secret } = createToken(test.db, { accountId: account.id, description: 'laptop' });
    expect(secret).toMatch(/^paas-[\w-]{40}$/);
    expect(findAccountByToken(test.db, secret)).toEqual({ account, token });
    expect(listTokens(test.db, account.id)).toEqual([token]);
    expect(dump(test.db.sql).includes(secret.slice(5))).toBe(false);
    deleteToken(test.db, { accountId: account.id, id: token.id });
    expect(findAccountByToken(test.db, secret)).toBeUndefined();
    expect(() => deleteToken(test.db, { accountId: account.id, id: token.id })).toThrow(
      expect.objectContaining({ id: 'not_found' }),
    );
  });

  it.each(['', 'paas-', 'x'.repeat(201), "' or 1=1 --", '\0'])('is not %j', (secret) => {
    using test = openTestDatabase();
    createToken(test.db, { accountId: addAccount(test.db).id, description: '' });
    expect(findAccountByToken(test.db, secret)).toBeUndefined();
  });

  it('ends at its time', () => {
    using test = openTestDatabase();
    const { secret } = createToken(test.db, {
      accountId: addAccount(test.db).id,
      description: '',
      expiresInSeconds: 60,
    });
    test.advance(59_999);
    expect(findAccountByToken(test.db, secret)).toBeDefined();
    test.advance(1);
    expect(findAccountByToken(test.db, secret)).toBeUndefined();
  });

  it('is revoked only by its own account', () => {
    using test = openTestDatabase();
    const { token, secret } = createToken(test.db, { accountId: addAccount(test.db).id, description: '' });
    const stranger = addAccount(test.db, 'stranger@example.com');
    expect(() => deleteToken(test.db, { accountId: stranger.id, id: token.id })).toThrow(
      expect.objectContaining({ id: 'not_found' }),
    );
    expect(findAccountByToken(test.db, secret)).toBeDefined();
  });
});

describe('a session', () => {
  it('lasts two weeks, and ends when it is deleted', () => {
    using test = openTestDatabase();
    const account = addAccount(test.db);
    const session = createSession(test.db, account.id);
    expect(session.expiresAt).toBe(test.db.now() + 14 * DAY_MS);
    expect(findSession(test.db, session.secret)).toEqual({ account, csrf: session.csrf });
    expect(dump(test.db.sql).includes(session.secret)).toBe(false);
    const other = createSession(test.db, account.id);
    expect(other.csrf).not.toBe(session.csrf);
    deleteSession(test.db, other.secret);
    deleteSession(test.db, other.secret);
    expect(findSession(test.db, other.secret)).toBeUndefined();
    test.advance(14 * DAY_MS);
    expect(findSession(test.db, session.secret)).toBeUndefined();
  });

  it('is forgotten some time after it ended', () => {
    using test = openTestDatabase();
    const account = addAccount(test.db);
    createSession(test.db, account.id);
    test.advance(15 * DAY_MS);
    createSession(test.db, account.id);
    expect(test.db.sql.prepare('select count(*) from sessions').pluck().get()).toBe(1);
  });
});
