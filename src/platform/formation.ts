// Formation: how many dynos of each process type, and how large. Scaling makes no release; rollback leaves it alone.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { AppId } from '../ids.js';
import type { App } from './apps.js';
import { clearStops } from './dyno-stops.js';
import { currentRelease } from './releases.js';
import { DEFAULT_SIZE, parseSize } from './sizes.js';

export interface FormationEntry {
  readonly type: string;
  readonly quantity: number;
  /** In its one spelling, such as `512M`. */
  readonly size: string;
  readonly memoryBytes: number;
  readonly command: string;
}

export interface ScaleUpdate {
  readonly type: string;
  /** `3`, `"3"`, `"+1"` or `"-1"`; undefined leaves it. */
  readonly quantity?: number | string | undefined;
  readonly size?: string | undefined;
}

export const MAX_QUANTITY = 100;

/** Every process type of the current release (but `release`), web first, unscaled ones with quantity 0. */
export function getFormation(db: Database, appId: AppId): FormationEntry[] {
  const release = currentRelease(db, appId);
  const rows = readRows(db, appId);
  return Object.entries(release?.processTypes ?? {})
    .filter(([type]) => type !== 'release')
    .map(([type, command]) => ({ ...(rows.get(type) ?? unscaled(type)), command }))
    .sort((a, b) => Number(b.type === 'web') - Number(a.type === 'web') || a.type.localeCompare(b.type));
}

/** Changes quantities and sizes, all or none. Throws `invalid_params` for an unknown type or a bad quantity. */
export function scale(
  db: Database,
  options: { app: App; updates: readonly ScaleUpdate[] },
): FormationEntry[] {
  const { app, updates } = options;
  return db.write((announce) => {
    const formation = new Map(getFormation(db, app.id).map((entry) => [entry.type, entry]));
    const seen = new Set<string>();
    for (const update of updates) {
      const entry = formation.get(update.type);
      if (entry === undefined) throw unknownType(app, update.type, [...formation.keys()]);
      if (seen.has(update.type)) {
        throw new PaasError('invalid_params', `Process type ${quoteValue(update.type)} is given twice.`);
      }
      seen.add(update.type);
      const quantity = update.quantity === undefined ? entry.quantity : newQuantity(entry, update.quantity);
      clearStops(db, { appId: app.id, type: entry.type });
      writeRow(db, app.id, { type: entry.type, quantity, ...parseSize(update.size ?? entry.size) });
    }
    announce({ kind: 'formation-changed', appId: app.id });
    return getFormation(db, app.id);
  });
}

/** Throws `invalid_params`, naming the process types, when the app's current release has none of this name. */
export function requireProcessType(db: Database, app: App, type: string): void {
  const known = getFormation(db, app.id).map((entry) => entry.type);
  if (!known.includes(type)) throw unknownType(app, type, known);
}

type Row = Omit<FormationEntry, 'command'>;

// A type that nobody scaled yet: the first deploy starts one web dyno and nothing else.
function unscaled(type: string): Row {
  return { type, quantity: type === 'web' ? 1 : 0, ...parseSize(DEFAULT_SIZE) };
}

function readRows(db: Database, appId: AppId): Map<string, Row> {
  const rows = db.sql
    .prepare('select type, quantity, size, memory_bytes as memoryBytes from formation where app_id = ?')
    .all(appId) as Row[];
  return new Map(rows.map((row) => [row.type, row]));
}

function writeRow(db: Database, appId: AppId, row: Row): void {
  db.sql
    .prepare(
      `insert into formation (app_id, type, quantity, size, memory_bytes) values (?, ?, ?, ?, ?)
       on conflict (app_id, type) do update set quantity = excluded.quantity, size = excluded.size, memory_bytes = excluded.memory_bytes`,
    )
    .run(appId, row.type, row.quantity, row.size, row.memoryBytes);
}

function newQuantity(entry: FormationEntry, wish: number | string): number {
  const match = /^([+-]?)(\d{1,9})$/.exec(String(wish));
  const amount = match === null ? Number.NaN : Number(match[2]);
  const quantity =
    match?.[1] === '+' ? entry.quantity + amount : match?.[1] === '-' ? entry.quantity - amount : amount;
  if (typeof wish === 'number' ? !Number.isInteger(wish) : match === null) {
    throw new PaasError(
      'invalid_params',
      `Quantity ${quoteValue(String(wish))} of ${entry.type} must be a whole number such as 2, +1 or -1.`,
    );
  }
  if (!(quantity >= 0 && quantity <= MAX_QUANTITY) || (typeof wish === 'number' && wish < 0)) {
    throw new PaasError(
      'invalid_params',
      `Cannot scale ${entry.type} to ${String(wish)}: the quantity must be from 0 to ${MAX_QUANTITY}.`,
    );
  }
  return quantity;
}

function unknownType(app: App, type: string, known: string[]): PaasError {
  const has = known.length === 0 ? 'It has none yet: deploy first.' : `It has: ${known.join(', ')}.`;
  return new PaasError('invalid_params', `${app.name} has no process type ${quoteValue(type)}. ${has}`, {
    hint: 'Process types come from the Procfile of the deployed code.',
  });
}
