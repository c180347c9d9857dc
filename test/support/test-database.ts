// A real SQLite file for tests of the nouns, with a clock that the test moves.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../src/db/database.js';
import { newId } from '../../src/ids.js';
import type { Account } from '../../src/platform/accounts.js';
import { type App, createApp } from '../../src/platform/apps.js';
import { createDeployRelease } from '../../src/platform/make-release.js';
import type { Release } from '../../src/platform/releases.js';

export interface TestDatabase extends Disposable {
  readonly db: Database;
  readonly path: string;
  readonly key: Buffer;
  /** Moves the clock on. */
  advance(ms: number): void;
  /** Closes the file and opens it again, as a restart of the daemon does. */
  reopen(): TestDatabase;
}

/** An empty database in a directory of its own; `using` removes it. */
export function openTestDatabase(): TestDatabase {
  const directory = mkdtempSync(join(tmpdir(), 'paas-db-'));
  return openAt(directory, randomBytes(32), { nowMs: Date.UTC(2030, 0, 1) });
}

function openAt(directory: string, key: Buffer, clock: { nowMs: number }): TestDatabase {
  const path = join(directory, 'paas.sqlite');
  const db = openDatabase({ path, key, now: () => clock.nowMs });
  return {
    db,
    path,
    key,
    advance: (ms) => {
      clock.nowMs += ms;
    },
    reopen: () => {
      db.close();
      return openAt(directory, key, clock);
    },
    [Symbol.dispose]: () => {
      db.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** An account without a password: hashing one takes long, and few tests need it. */
export function addAccount(db: Database, email = 'dev@example.com', isAdmin = false): Account {
  const account: Account = { id: newId(), email, isAdmin, createdAt: db.now() };
  db.write(() =>
    db.sql
      .prepare('insert into accounts (id, email, password_hash, is_admin, created_at) values (?, ?, ?, ?, ?)')
      .run(account.id, email, 'none', isAdmin ? 1 : 0, account.createdAt),
  );
  return account;
}

/** An app with an owner of its own. */
export function addApp(
  db: Database,
  name = 'shop',
  owner = addAccount(db, `${name}@example.com`),
): { app: App; by: Account } {
  return { app: createApp(db, { name, owner }), by: owner };
}

/** A deploy of the image `sha256:<digit>…`. */
export function deploy(
  db: Database,
  options: { app: App; by: Account; digit: string; processTypes?: Record<string, string> },
): Release {
  return createDeployRelease(db, {
    app: options.app,
    by: options.by,
    image: imageDigest(options.digit),
    processTypes: options.processTypes ?? { web: 'node server.js' },
    buildpacks: ['nodejs'],
    description: `Deploy ${options.digit}`,
  });
}

/** A digest made of one hex digit. */
export function imageDigest(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}
