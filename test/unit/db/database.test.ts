import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Announcement, openDatabase } from '../../../src/db/database.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

let directory: string;
const key = randomBytes(32);
const open = (path = join(directory, 'paas.sqlite'), mustExist = false) =>
  openDatabase({ path, key, now: () => 1, mustExist });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paas-db-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('opening', () => {
  it('makes every table in a new file, and nothing twice', () => {
    const first = open();
    const tables = (db: typeof first) =>
      db.sql.prepare("select name from sqlite_master where type = 'table'").pluck().all();
    const made = tables(first);
    expect(made).toEqual(
      expect.arrayContaining(['accounts', 'apps', 'releases', 'formation', 'domains', 'builds']),
    );
    expect(first.sql.pragma('user_version', { simple: true })).toBeGreaterThan(0);
    first.close();
    const second = open();
    expect(tables(second)).toEqual(made);
    second.close();
  });

  it('survives a crash only with full synchronisation and a write-ahead log', () => {
    const db = open();
    expect(db.sql.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.sql.pragma('synchronous', { simple: true })).toBe(2);
    expect(db.sql.pragma('foreign_keys', { simple: true })).toBe(1);
    db.close();
  });

  it('refuses a file of a newer version of the program', () => {
    const db = open();
    db.sql.pragma('user_version = 999');
    db.close();
    expect(() => open()).toThrow(/newer version/);
  });

  it('refuses a file that is no database, and leaves it as it is', () => {
    const path = join(directory, 'paas.sqlite');
    writeFileSync(
      path,
      'this is a text, long enough to be mistaken for a header of SQLite or so\n'.repeat(100),
    );
    const before = readFileSync(path);
    expect(() => open()).toThrow(/paas\.sqlite is damaged .*database:restore/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it.each([1, 2, 3, 5])('refuses a file whose page %i was overwritten', (page) => {
    const path = join(directory, 'paas.sqlite');
    const db = open();
    const { app, by } = addApp(db);
    for (let n = 0; n < 50; n++) deploy(db, { app, by, digit: 'a' });
    db.sql.pragma('wal_checkpoint(truncate)');
    db.close();
    const bytes = readFileSync(path);
    randomBytes(8192).copy(bytes, page * 4096);
    writeFileSync(path, bytes);
    expect(() => open()).toThrow(/is damaged .*database:restore/);
  });

  it('never starts empty where a database must be', () => {
    const path = join(directory, 'paas.sqlite');
    expect(() => open(path, true)).toThrow(/paas\.sqlite is missing.*database:restore/);
    writeFileSync(path, '');
    expect(() => open(path, true)).toThrow(/paas\.sqlite is empty.*database:restore/);
    truncateSync(path);
    open(path).close();
    open(path, true).close();
  });
});

describe('a transaction', () => {
  it('announces after the commit, in order', () => {
    using test = openTestDatabase();
    const seen: string[] = [];
    test.db.onChange((change) => {
      // Another connection sees only what is committed.
      const other = new Sqlite(test.path, { readonly: true });
      const count = other.prepare('select count(*) from accounts').pluck().get();
      other.close();
      seen.push(`${change.kind}:${count}`);
    });
    test.db.write((announce) => {
      announce({ kind: 'first', appId: 'a' });
      addAccountRow(test.db.sql, '1');
      announce({ kind: 'second', appId: 'a' });
    });
    expect(seen).toEqual(['first:1', 'second:1']);
  });

  it('announces nothing and keeps nothing when it throws', () => {
    using test = openTestDatabase();
    const seen: Announcement[] = [];
    test.db.onChange((change) => seen.push(change));
    const failing = () =>
      test.db.write((announce) => {
        addAccountRow(test.db.sql, '1');
        announce({ kind: 'lost', appId: 'a' });
        throw new Error('changed my mind');
      });
    expect(failing).toThrow('changed my mind');
    expect(seen).toEqual([]);
    expect(test.db.sql.prepare('select count(*) from accounts').pluck().get()).toBe(0);
  });

  it('within a transaction joins it: one commit, one announcement each, all or none', () => {
    using test = openTestDatabase();
    const seen: string[] = [];
    test.db.onChange((change) => seen.push(change.kind));
    test.db.write((announce) => {
      test.db.write((inner) => inner({ kind: 'inner', appId: 'a' }));
      expect(seen).toEqual([]);
      announce({ kind: 'outer', appId: 'a' });
    });
    expect(seen).toEqual(['inner', 'outer']);
    expect(() =>
      test.db.write(() => {
        test.db.write((inner) => {
          addAccountRow(test.db.sql, '1');
          inner({ kind: 'undone', appId: 'a' });
        });
        throw new Error('outer fails');
      }),
    ).toThrow('outer fails');
    expect(seen).toEqual(['inner', 'outer']);
    expect(test.db.sql.prepare('select count(*) from accounts').pluck().get()).toBe(0);
  });

  it('lets a listener write, and tells that too', () => {
    using test = openTestDatabase();
    const seen: string[] = [];
    test.db.onChange((change) => {
      seen.push(change.kind);
      if (change.kind === 'cause') test.db.write((announce) => announce({ kind: 'effect', appId: 'a' }));
    });
    test.db.write((announce) => announce({ kind: 'cause', appId: 'a' }));
    expect(seen).toEqual(['cause', 'effect']);
  });

  it('tells the listeners that are left after one stopped', () => {
    using test = openTestDatabase();
    const seen: string[] = [];
    const stop = test.db.onChange(() => seen.push('stopped one'));
    test.db.onChange(() => seen.push('other'));
    stop();
    test.db.write((announce) => announce({ kind: 'x', appId: 'a' }));
    expect(seen).toEqual(['other']);
  });

  it('answers service_unavailable when another program holds the file', () => {
    using test = openTestDatabase();
    test.db.sql.pragma('busy_timeout = 50');
    const other = new Sqlite(test.path);
    other.exec('begin exclusive');
    expect(() => test.db.write(() => addAccountRow(test.db.sql, '1'))).toThrow(
      expect.objectContaining({ id: 'service_unavailable', retryAfterSeconds: 5 }),
    );
    other.exec('rollback');
    other.close();
    test.db.write(() => addAccountRow(test.db.sql, '1'));
  });

  it('answers storage_full when the disk is full, and works again afterwards', () => {
    using test = openTestDatabase();
    const pages = test.db.sql.pragma('page_count', { simple: true }) as number;
    test.db.sql.pragma(`max_page_count = ${pages}`);
    const fill = () =>
      test.db.write(() => {
        for (let n = 0; n < 500; n++) addAccountRow(test.db.sql, `${n}-${'x'.repeat(500)}`);
      });
    expect(fill).toThrow(expect.objectContaining({ id: 'storage_full', status: 507 }));
    expect(test.db.sql.prepare('select count(*) from accounts').pluck().get()).toBe(0);
    test.db.sql.pragma('max_page_count = 1000000');
    fill();
  });
});

describe('sealing', () => {
  it.each(['', 'plain', 'line\nbreak', '🌈'.repeat(1000)])('gives back what was sealed (%#)', (text) => {
    using test = openTestDatabase();
    const sealed = test.db.seal(text);
    expect(test.db.unseal(sealed)).toBe(text);
    if (text.length > 3) expect(sealed.includes(text)).toBe(false);
    expect(test.db.seal(text).equals(sealed)).toBe(false);
  });

  it('notices a changed byte and a wrong key', () => {
    using test = openTestDatabase();
    using other = openTestDatabase();
    const sealed = test.db.seal('secret');
    expect(() => other.db.unseal(sealed)).toThrow();
    sealed[sealed.length - 1] = (sealed[sealed.length - 1] ?? 0) ^ 1;
    expect(() => test.db.unseal(sealed)).toThrow();
  });
});

function addAccountRow(sql: Sqlite.Database, id: string): void {
  sql
    .prepare('insert into accounts (id, email, password_hash, is_admin, created_at) values (?, ?, ?, 0, 0)')
    .run(id, `${id}@x`, 'none');
}
