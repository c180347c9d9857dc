// The store, and a new one in its place when its file is damaged: kept lines are worth less than lines to come. The
// damaged file is set aside, for who wants to read what is left of it.
// docs/decisions/0175-a-damaged-log-makes-way.md

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { LogStore } from './store.js';

/** A file that could not be used any more. */
export interface StoreDamage {
  readonly reason: string;
  readonly setAsideAs: string;
  /** Whose lines were in it, as far as it can be read. */
  readonly appIds: readonly string[];
}

const MAX_SET_ASIDE = 2;
/** A disk that damages whatever is written to it is not given file after file. */
const REST_MS = 60_000;

export class MendedStore {
  readonly #options: ConstructorParameters<typeof LogStore>[0];
  readonly #onDamage: (damage: StoreDamage) => void;
  #store: LogStore | undefined;
  #mendedAt = Number.NEGATIVE_INFINITY;

  /** Nothing is opened before it is used. */
  constructor(
    options: ConstructorParameters<typeof LogStore>[0] & { onDamage: (damage: StoreDamage) => void },
  ) {
    this.#options = options;
    this.#onDamage = options.onDamage;
  }

  /** What `work` makes of the store; of a new one when the file proves damaged. Throws what is no damage. */
  use<Result>(nowUs: number, work: (store: LogStore) => Result): Result {
    try {
      this.#store ??= new LogStore(this.#options);
      return work(this.#store);
    } catch (error) {
      if (!isDamage(error) || performance.now() - this.#mendedAt < REST_MS) throw error;
      this.#mendedAt = performance.now();
      return work(this.#replace(nowUs, error));
    }
  }

  close(): void {
    this.#store?.close();
    this.#store = undefined;
  }

  #replace(nowUs: number, error: unknown): LogStore {
    const { path } = this.#options;
    const appIds = this.#store?.appIds() ?? readAppIds(path);
    // A connection that is closed later would remove the new file's log.
    this.close();
    const setAsideAs = setAside(path, nowUs);
    this.#onDamage({ reason: String(error), setAsideAs, appIds });
    this.#store = new LogStore(this.#options);
    // Above every number that was given out: readers go on after the last line that they got.
    this.#store.commit({ blocks: [], progress: [], nextSeq: nowUs });
    return this.#store;
  }
}

/** The damaged files beside the store at `path`, newest first. */
export function listSetAside(path: string): string[] {
  const prefix = `${basename(path)}.damaged-`;
  const names = readdirSync(dirname(path)).filter(
    (name) => name.startsWith(prefix) && !/-(wal|shm)$/.test(name),
  );
  return names
    .sort()
    .reverse()
    .map((name) => join(dirname(path), name));
}

function isDamage(error: unknown): boolean {
  // What was written as JSON and is none any more.
  if (error instanceof SyntaxError) return true;
  return error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code);
}

/** Moves the file away, and removes all but the newest of those that were moved before. */
function setAside(path: string, nowUs: number): string {
  const time = new Date(nowUs / 1000).toISOString().replace(/[:.]/g, '-');
  const to = `${path}.damaged-${time}`;
  for (const suffix of ['-wal', '-shm', '']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, to + suffix);
  }
  for (const old of listSetAside(path).slice(MAX_SET_ASIDE)) {
    for (const suffix of ['-wal', '-shm', '']) rmSync(old + suffix, { force: true });
  }
  return to;
}

function readAppIds(path: string): string[] {
  const found: string[] = [];
  try {
    const db = new Database(path);
    try {
      const ids = db.prepare<[], string>('select distinct app_id from blocks').pluck();
      for (const appId of ids.iterate()) found.push(appId);
    } finally {
      db.close();
    }
  } catch {
    // It is damaged there, too.
  }
  return found;
}
