import Sqlite from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { cacheStatements } from '../../../src/db/statement-cache.js';

const SELECT = 'select id, name from things where id >= ? order by id';

const sql = new Sqlite(':memory:');
sql.exec(
  "create table things (id integer primary key, name text); insert into things values (1, 'a'), (2, 'b')",
);
cacheStatements(sql);
const rows = [
  { id: 1, name: 'a' },
  { id: 2, name: 'b' },
];

afterEach(() => {
  expect(sql.prepare(SELECT).all(1), 'whoever asks plainly gets rows').toEqual(rows);
  expect(sql.prepare(SELECT).pluck().all(1), 'whoever plucks gets values').toEqual([1, 2]);
});

describe('kept statements', () => {
  it('are one for a text, and one more when plucked', () => {
    expect(sql.prepare(SELECT)).toBe(sql.prepare(SELECT));
    expect(sql.prepare(SELECT).pluck()).toBe(sql.prepare(SELECT).pluck());
    expect(sql.prepare(SELECT).pluck()).not.toBe(sql.prepare(SELECT));
    expect(sql.prepare(SELECT)).not.toBe(sql.prepare(`${SELECT} limit 1`));
  });

  it('are not changed by a caller that wants another shape', () => {
    expect(sql.prepare(SELECT).raw().all(1)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
    expect(sql.prepare(SELECT).safeIntegers().get(2)).toEqual({ id: 2n, name: 'b' });
    expect(sql.prepare(SELECT).expand().get(2)).toEqual({ things: rows[1] });
    expect(sql.prepare(SELECT).bind(2).all()).toEqual([rows[1]]);
    expect(sql.prepare(SELECT).pluck().pluck(false).all(2)).toEqual([rows[1]]);
    expect(sql.prepare(SELECT).pluck(false).all(2)).toEqual([rows[1]]);
  });

  it('can be used while somebody goes through the rows of the same text', () => {
    const seen: unknown[] = [];
    for (const row of sql.prepare(SELECT).iterate(1)) seen.push(row, sql.prepare(SELECT).all(2));
    expect(seen).toEqual([rows[0], [rows[1]], rows[1], [rows[1]]]);
  });

  it('follow a change of the schema', () => {
    const all = 'select * from things where id = 1';
    expect(sql.prepare(all).get()).toEqual(rows[0]);
    sql.exec('alter table things add column colour text');
    expect(sql.prepare(all).get()).toEqual({ ...rows[0], colour: null });
    sql.exec('alter table things drop column colour');
  });

  it('are given up when texts never end', () => {
    const first = sql.prepare(SELECT);
    for (let n = 0; n < 600; n++) sql.prepare(`select ${n}`);
    expect(sql.prepare(SELECT)).not.toBe(first);
  });
});
