// The tables of the kept lines, and every statement that store.ts runs on them.

import type Database from 'better-sqlite3';

const SCHEMA = `
  create table if not exists blocks (
    id integer primary key,
    app_id text not null,
    first_seq integer not null,
    last_seq integer not null,
    last_us integer not null,
    bytes integer not null,
    first_line integer not null,
    line_count integer not null,
    runs blob not null
  ) strict;
  create unique index if not exists blocks_by_app on blocks (app_id, last_seq, first_seq, bytes);
  create index if not exists blocks_by_age on blocks (last_us);
  create table if not exists containers (
    container_id text primary key,
    app_id text not null,
    progress text not null
  ) strict;
  create table if not exists sequence (only_row integer primary key check (only_row = 1), next_seq integer not null) strict;
`;
interface BlockRow {
  first_seq: number;
  last_seq: number;
  last_us: number;
  bytes: number;
  first_line: number;
  line_count: number;
  runs: Buffer;
}

/** All that is said to them. */
export type LogStatements = ReturnType<typeof openTables>;

/** Makes the tables that are not there; answers the statements on them. */
export function openTables(db: Database.Database) {
  db.exec(SCHEMA);
  const columns = 'first_seq, last_seq, last_us, bytes, first_line, line_count, runs';
  return {
    insert: db.prepare(`insert into blocks (app_id, ${columns}) values (?, ?, ?, ?, ?, ?, ?, ?)`),
    newestFirst: db.prepare<[string, number], BlockRow>(
      `select ${columns} from blocks where app_id = ? and first_seq < ? order by last_seq desc`,
    ),
    oldestFirst: db.prepare<[string, number], BlockRow>(
      `select ${columns} from blocks where app_id = ? and last_seq > ? order by last_seq`,
    ),
    oldestSizes: db.prepare<[string], { id: number; bytes: number }>(
      'select id, bytes from blocks where app_id = ? order by last_seq limit 1000',
    ),
    sizes: db.prepare<[], { app_id: string; bytes: number }>(
      'select app_id, sum(bytes) as bytes from blocks group by app_id',
    ),
    nextLines: db.prepare<[], { app_id: string; next_line: number }>(
      'select app_id, max(first_line + line_count) as next_line from blocks group by app_id',
    ),
    deleteBlock: db.prepare<[number]>('delete from blocks where id = ?'),
    dropOld: db.prepare<[number]>('delete from blocks where last_us < ?'),
    forgetBlocks: db.prepare<[string]>('delete from blocks where app_id = ?'),
    forgetProgress: db.prepare<[string]>('delete from containers where app_id = ?'),
    forgetContainer: db.prepare<[string]>('delete from containers where container_id = ?'),
    saveProgress: db.prepare<[string, string, string]>(
      'insert or replace into containers (container_id, app_id, progress) values (?, ?, ?)',
    ),
    allProgress: db.prepare<[], { progress: string }>('select progress from containers'),
    nextSeq: db.prepare<[], { next_seq: number }>('select next_seq from sequence'),
    saveSeq: db.prepare<[number]>('insert or replace into sequence (only_row, next_seq) values (1, ?)'),
  };
}
