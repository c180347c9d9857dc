// SQLite: the one place of wishes. Opens the file, migrates it, runs transactions and announces what they changed
// after the commit. Secret columns are sealed (AES-256-GCM) with a key that lives outside the database.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { PaasError } from '../errors.js';
import { migrate } from './migrate.js';
import { cacheStatements } from './statement-cache.js';

/** Something that a committed transaction changed. */
export interface Announcement {
  readonly kind: string;
  readonly appId: string;
}

export interface Database {
  /** The open connection: prepare statements on it (they are kept); change rows only inside `write`. */
  readonly sql: Sqlite.Database;
  /** Epoch ms. */
  now(): number;
  /**
   * Runs `work` in one transaction and tells the listeners what it announced once it is committed. Joins the
   * transaction that is open already, if any. Throws PaasError `storage_full` or `service_unavailable` when
   * SQLite cannot write.
   */
  write<Result>(work: (announce: (change: Announcement) => void) => Result): Result;
  /**
   * Another text when there may be other rows than before, whoever wrote them; undefined within a transaction. What was
   * read holds as long as it is the same.
   */
  revision(): string | undefined;
  /** Calls `listener` after each commit, per announcement. Returns the way to stop that. */
  onChange(listener: (change: Announcement) => void): () => void;
  /** Encrypts text for a secret column. */
  seal(plain: string): Buffer;
  unseal(sealed: Buffer): string;
  close(): void;
}

const COUNTED = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 22];
const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Opens the database, and makes it unless `mustExist` (an install that was used before). `key` has 32 bytes. With
 * `backups`, a copy goes into that directory before a new version of this program changes the file for good.
 * Throws when the file is missing, damaged or newer than this program.
 */
export function openDatabase(options: {
  path: string;
  key: Buffer;
  now: () => number;
  mustExist?: boolean;
  backups?: string;
}): Database {
  if (options.mustExist) checkPresence(options.path);
  const sql = openFile(options.path);
  migrate(sql, { directory: MIGRATIONS, counted: COUNTED, backups: options.backups, now: options.now });
  cacheStatements(sql);

  const listeners = new Set<(change: Announcement) => void>();
  let pending: Announcement[] | undefined;

  function write<Result>(work: (announce: (change: Announcement) => void) => Result): Result {
    if (pending !== undefined) {
      const joined = pending;
      return work((change) => joined.push(change));
    }
    const changes: Announcement[] = [];
    pending = changes;
    let result: Result;
    try {
      result = sql.transaction(() => work((change) => changes.push(change))).immediate();
    } catch (error) {
      throw asPaasError(error);
    } finally {
      pending = undefined;
    }
    for (const change of changes) for (const listener of listeners) listener(change);
    return result;
  }

  function revision(): string | undefined {
    if (sql.inTransaction) return undefined;
    // Rows that this connection has changed, and commits of others.
    const own = sql.prepare('select total_changes()').pluck().get();
    return `${own}/${sql.prepare('pragma data_version').pluck().get()}`;
  }

  return {
    sql,
    revision,
    write,
    now: options.now,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    seal: (plain) => seal(options.key, plain),
    unseal: (sealed) => unseal(options.key, sealed),
    close: () => sql.close(),
  };
}

const RESTORE = 'apps go on running; put the newest backup back with: paasd-admin database:restore';

// An empty file is a valid, empty database to SQLite: starting with one would forget every app.
function checkPresence(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new Error(`the database ${path} is missing: ${RESTORE}`);
  if (size === 0) throw new Error(`the database ${path} is empty: ${RESTORE}`);
}

function openFile(path: string): Sqlite.Database {
  const sql = connect(path);
  try {
    sql.pragma('journal_mode = WAL');
    sql.pragma('synchronous = FULL');
    sql.pragma('foreign_keys = ON');
    // So that `insert or replace` fires the triggers that keep releases.
    sql.pragma('recursive_triggers = ON');
    const [row] = sql.pragma('quick_check(1)') as { quick_check: string }[];
    if (row?.quick_check !== 'ok') throw damaged(path, row?.quick_check);
    return sql;
  } catch (error) {
    sql.close();
    const isDamaged = error instanceof Sqlite.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code);
    throw isDamaged ? damaged(path, error.message, error) : error;
  }
}

function connect(path: string): Sqlite.Database {
  try {
    return new Sqlite(path, { timeout: 5000 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the database ${path} cannot be opened (${reason}): check its owner and mode`, {
      cause: error,
    });
  }
}

function damaged(path: string, what: string | undefined, cause?: unknown): Error {
  const oneLine = String(what).replace(/\s+/g, ' ');
  return new Error(`the database ${path} is damaged (${oneLine}): ${RESTORE}`, { cause });
}

function asPaasError(error: unknown): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  if (error.code === 'SQLITE_FULL' || error.code.startsWith('SQLITE_IOERR')) {
    return new PaasError('storage_full', 'The disk of the platform is full; nothing was changed.', {
      hint: 'Free disk space on the server, then try again; paas doctor says what takes it.',
      cause: error,
    });
  }
  if (error.code.startsWith('SQLITE_BUSY')) {
    return new PaasError(
      'service_unavailable',
      'The database is locked by another program; nothing was changed.',
      {
        hint: 'Try again in a few seconds.',
        cause: error,
        retryAfterSeconds: 5,
      },
    );
  }
  return error;
}

// Layout of a sealed value: 12 bytes nonce, 16 bytes tag, the ciphertext.
function seal(key: Buffer, plain: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

function unseal(key: Buffer, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(12, 28));
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8');
}
