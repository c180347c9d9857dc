// Apps: their names, owners and settings. `findAppFor` is the one authorisation check of the house.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type AccountId, type AppId, newId, parseId } from '../ids.js';
import type { Account } from './accounts.js';
import { randomAppName } from './app-names.js';
import { createInitialRelease } from './make-release.js';

export interface App {
  readonly id: AppId;
  readonly name: string;
  readonly ownerId: AccountId;
  readonly ownerEmail: string;
  readonly maintenance: boolean;
  readonly stack: string;
  /** In the order in which they run; empty for detection. */
  readonly buildpacks: readonly string[];
  /** Path that must answer 2xx or 3xx before a web dyno gets requests; undefined: an open port is enough. */
  readonly healthPath: string | undefined;
  /** How long requests and processes of a replaced dyno may go on. */
  readonly drainTimeoutMs: number;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When the newest release was made. */
  readonly releasedAt: number | undefined;
}

export const STACK = 'paas-13';
const MAX_APPS = 500;
const RESERVED_NAMES = new Set(
  'admin api app apps assets con dashboard git healthz localhost login paas platform router static stacks sources sub www'.split(
    ' ',
  ),
);

/** Checks a name: 2-30 of a-z 0-9 and single -, starts with a letter, ends with a letter or digit, not reserved. */
export function checkAppName(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,28}[a-z0-9]$/.test(name) || name.includes('--') || name.endsWith('\n')) {
    throw new PaasError(
      'invalid_app_name',
      `Name ${quoteValue(name)} is invalid: an app name has 2 to 30 characters of a-z, 0-9 and single dashes, starts with a letter and ends with a letter or digit.`,
    );
  }
  if (RESERVED_NAMES.has(name)) {
    throw new PaasError('invalid_app_name', `Name ${quoteValue(name)} is reserved by the platform.`);
  }
  return name;
}

/** Makes an app with its first, empty release v1. Throws `invalid_app_name`, or `conflict` for a taken name. */
export function createApp(db: Database, options: { name?: string | undefined; owner: Account }): App {
  const name = checkAppName(options.name ?? randomAppName());
  return db.write((announce) => {
    if (nameIsTaken(db, name)) throw nameTaken(name);
    const count = db.sql.prepare('select count(*) from apps').pluck().get() as number;
    if (count >= MAX_APPS)
      throw new PaasError('invalid_params', `This server has its limit of ${MAX_APPS} apps.`);
    const id = newId<AppId>();
    const now = db.now();
    db.sql
      .prepare(
        'insert into apps (id, name, owner_id, stack, created_at, updated_at) values (?, ?, ?, ?, ?, ?)',
      )
      .run(id, name, options.owner.id, STACK, now, now);
    const app = requireApp(db, id);
    createInitialRelease(db, { app, by: options.owner });
    announce({ kind: 'app-created', appId: id });
    return requireApp(db, id);
  });
}

/** The app by name or id, if the account may see it; throws `not_found` otherwise, for unknown and foreign apps alike. */
export function findAppFor(db: Database, account: Account, nameOrId: string): App {
  const column = parseId(nameOrId) ? 'apps.id' : 'apps.name';
  const row = db.sql
    .prepare(`${SELECT} where ${column} = ? and ${VISIBLE}`)
    .get(nameOrId, account.isAdmin ? 1 : 0, account.id, account.id);
  if (row === undefined) {
    throw new PaasError('not_found', "Couldn't find that app.", {
      hint: 'See the apps you have access to with: paas apps',
    });
  }
  return present(row as AppRow);
}

/** The apps that the account may see, by name. */
export function listAppsFor(db: Database, account: Account): App[] {
  const rows = db.sql
    .prepare(`${SELECT} where ${VISIBLE} order by apps.name`)
    .all(account.isAdmin ? 1 : 0, account.id, account.id);
  return (rows as AppRow[]).map(present);
}

/** Every app of the install, for the loop and the router. */
export function listApps(db: Database): App[] {
  return (
    db.sql.prepare(`${SELECT} where apps.destroyed_at is null order by apps.name`).all() as AppRow[]
  ).map(present);
}

/** Undefined when it was destroyed. */
export function getApp(db: Database, id: AppId): App | undefined {
  const row = db.sql.prepare(`${SELECT} where apps.id = ? and apps.destroyed_at is null`).get(id);
  return row === undefined ? undefined : present(row as AppRow);
}

/** Gives an app a new name (and so a new address). Throws `invalid_app_name` or `conflict`. */
export function renameApp(db: Database, options: { app: App; name: string }): App {
  const name = checkAppName(options.name);
  return db.write((announce) => {
    if (name === options.app.name) return options.app;
    if (nameIsTaken(db, name)) throw nameTaken(name);
    db.sql
      .prepare('update apps set name = ?, updated_at = ? where id = ?')
      .run(name, db.now(), options.app.id);
    announce({ kind: 'app-changed', appId: options.app.id });
    return requireApp(db, options.app.id);
  });
}

/** Changes settings; undefined leaves one as it is, a null health path goes back to the port check. */
export function updateApp(
  db: Database,
  options: {
    app: App;
    maintenance?: boolean | undefined;
    healthPath?: string | null | undefined;
    drainTimeoutMs?: number | undefined;
  },
): App {
  const { app } = options;
  const healthPath = options.healthPath === undefined ? (app.healthPath ?? null) : options.healthPath;
  if (healthPath !== null && !/^\/[\x21-\x7e]{0,255}$/.test(healthPath)) {
    throw new PaasError(
      'invalid_params',
      `health_path ${quoteValue(healthPath)} must be a path such as /health.`,
    );
  }
  const drainTimeoutMs = options.drainTimeoutMs ?? app.drainTimeoutMs;
  if (!Number.isInteger(drainTimeoutMs) || drainTimeoutMs < 0 || drainTimeoutMs > 3_600_000) {
    throw new PaasError('invalid_params', 'The drain time must be between 0 and 3600 seconds.');
  }
  return db.write((announce) => {
    db.sql
      .prepare(
        'update apps set maintenance = ?, health_path = ?, drain_timeout_ms = ?, updated_at = ? where id = ?',
      )
      .run((options.maintenance ?? app.maintenance) ? 1 : 0, healthPath, drainTimeoutMs, db.now(), app.id);
    announce({ kind: 'app-changed', appId: app.id });
    return requireApp(db, app.id);
  });
}

/** Deletes an app with all that belongs to it; containers, images, routes and log lines are removed after that. */
export function destroyApp(db: Database, options: { app: App }): void {
  db.write((announce) => {
    db.sql.prepare('update apps set destroyed_at = ? where id = ?').run(db.now(), options.app.id);
    db.sql
      .prepare('insert or ignore into forgotten_apps (app_id, destroyed_at) values (?, ?)')
      .run(options.app.id, db.now());
    db.sql.prepare('delete from releases where app_id = ?').run(options.app.id);
    db.sql.prepare('delete from apps where id = ?').run(options.app.id);
    announce({ kind: 'app-destroyed', appId: options.app.id });
  });
}

const SELECT = `select apps.id, apps.name, apps.owner_id, accounts.email as owner_email, apps.maintenance, apps.stack,
  apps.buildpacks, apps.health_path, apps.drain_timeout_ms, apps.created_at, apps.updated_at,
  (select max(created_at) from releases where app_id = apps.id) as released_at
  from apps join accounts on accounts.id = apps.owner_id`;

const VISIBLE = `apps.destroyed_at is null and (? = 1 or apps.owner_id = ? or exists (
  select 1 from collaborators where collaborators.app_id = apps.id and collaborators.account_id = ?))`;

interface AppRow {
  readonly id: AppId;
  readonly name: string;
  readonly owner_id: AccountId;
  readonly owner_email: string;
  readonly maintenance: number;
  readonly stack: string;
  readonly buildpacks: string;
  readonly health_path: string | null;
  readonly drain_timeout_ms: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly released_at: number | null;
}

function present(row: AppRow): App {
  return {
    id: row.id,
    name: row.name,
    ownerId: row.owner_id,
    ownerEmail: row.owner_email,
    maintenance: row.maintenance === 1,
    stack: row.stack,
    buildpacks: JSON.parse(row.buildpacks) as string[],
    healthPath: row.health_path ?? undefined,
    drainTimeoutMs: row.drain_timeout_ms,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    releasedAt: row.released_at ?? undefined,
  };
}

function requireApp(db: Database, id: AppId): App {
  const app = getApp(db, id);
  if (app === undefined) throw new PaasError('not_found', "Couldn't find that app.");
  return app;
}

function nameIsTaken(db: Database, name: string): boolean {
  return db.sql.prepare('select 1 from apps where name = ?').get(name) !== undefined;
}

function nameTaken(name: string): PaasError {
  return new PaasError('conflict', `Name ${quoteValue(name)} is already taken.`, {
    hint: 'Choose another name, or leave it out to get a random one: paas create',
  });
}
