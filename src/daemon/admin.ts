#!/usr/bin/env node
// `paasd-admin`: accounts and tokens, for whoever is root on the server. Works on the database file, beside a running
// daemon. Passwords are read from standard input, never from the command line.

import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { changePassword, createAccount, findAccountByEmail } from '../platform/accounts.js';
import { createToken } from '../platform/tokens.js';
import { runDatabaseCommand } from './admin-database.js';
import { loadConfig, prepareDataDir, readIdentity } from './config.js';
import { loadDiskConfig } from './disk-config.js';
import { openOwnDatabase } from './open-database.js';

const USAGE = `usage:
  paasd-admin account:create --email E --password-stdin [--admin]
  paasd-admin account:password --email E --password-stdin
  paasd-admin token:create --email E [--description D]
  paasd-admin database:check | database:backups | database:backup
  paasd-admin database:restore [--from FILE]
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      email: { type: 'string' },
      description: { type: 'string', default: 'paasd-admin' },
      'password-stdin': { type: 'boolean' },
      admin: { type: 'boolean', default: false },
      from: { type: 'string' },
    },
  });
  const command = positionals[0];
  const email = values.email;
  const config = loadConfig(process.env);
  const paths = prepareDataDir(config.dataDir);
  if (command?.startsWith('database:')) {
    const { keptBackups } = loadDiskConfig(process.env);
    const options = { paths, from: values.from, now: Date.now(), keptBackups };
    process.stdout.write(`${await runDatabaseCommand(command, options)}\n`);
    return;
  }
  if (command === undefined || email === undefined) throw new Error(USAGE);
  const { key } = readIdentity(config.dataDir, { bytes: randomBytes });
  const db = openOwnDatabase(paths, { key, now: Date.now });
  try {
    await run(db, { command, email, description: values.description, isAdmin: values.admin });
  } finally {
    db.close();
  }
}

async function run(
  db: Database,
  wish: { command: string; email: string; description: string; isAdmin: boolean },
): Promise<void> {
  const { email } = wish;
  switch (wish.command) {
    case 'account:create': {
      const account = await createAccount(db, {
        email,
        password: await readPassword(),
        isAdmin: wish.isAdmin,
      });
      print({ id: account.id, email: account.email, admin: account.isAdmin });
      break;
    }
    case 'account:password':
      await changePassword(db, { account: requireAccount(db, email), password: await readPassword() });
      print({ email });
      break;
    case 'token:create': {
      const { id } = requireAccount(db, email);
      process.stdout.write(`${createToken(db, { accountId: id, description: wish.description }).secret}\n`);
      break;
    }
    default:
      throw new Error(USAGE);
  }
}

async function readPassword(): Promise<string> {
  return (await text(process.stdin)).replace(/\r?\n$/, '');
}

function requireAccount(db: Database, email: string) {
  const account = findAccountByEmail(db, email);
  if (account === undefined) throw new PaasError('not_found', `There is no account ${quoteValue(email)}.`);
  return account;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
