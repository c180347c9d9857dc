// Config vars: the environment of an app. All changes of one call are one release.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { AppId } from '../ids.js';
import type { Account } from './accounts.js';
import type { App } from './apps.js';
import { createConfigRelease } from './make-release.js';
import { getLatestConfig, type Release } from './releases.js';

const MAX_VARS = 1000;
const MAX_VALUE_BYTES = 64 * 1024;
// One process's environment is limited by the kernel (a string to 128 KiB, all to some 2 MiB).
const MAX_TOTAL_BYTES = 512 * 1024;
const RESERVED = new Set(['PORT', 'DYNO']);

/** The config vars as the newest release has them. */
export function getConfig(db: Database, appId: AppId): Record<string, string> {
  return getLatestConfig(db, appId);
}

/**
 * Sets (string) and unsets (null) config vars, and makes a release of it. Returns undefined when nothing changes.
 * Throws `invalid_params` naming the key; a value is never part of an error.
 */
export function changeConfig(
  db: Database,
  options: { app: App; by: Pick<Account, 'id'>; updates: Readonly<Record<string, string | null>> },
): Release | undefined {
  for (const [key, value] of Object.entries(options.updates)) checkConfigVar(key, value);
  return db.write(() => {
    const before = getLatestConfig(db, options.app.id);
    const config = new Map(Object.entries(before));
    const set: string[] = [];
    const removed: string[] = [];
    for (const [key, value] of Object.entries(options.updates)) {
      if (value === null) {
        if (config.delete(key)) removed.push(key);
      } else if (config.get(key) !== value) {
        config.set(key, value);
        set.push(key);
      }
    }
    if (set.length + removed.length === 0) return undefined;
    checkTotal(config);
    return createConfigRelease(db, {
      app: options.app,
      by: options.by,
      config: Object.fromEntries([...config].sort(([a], [b]) => (a < b ? -1 : 1))),
      description: describe(set, removed),
    });
  });
}

/** What `changeConfig` is to do so that `before` becomes `after`. */
export function configDifference(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const set = Object.entries(after).filter(
    ([key, value]) => !Object.hasOwn(before, key) || before[key] !== value,
  );
  return Object.fromEntries([...removed.map((key) => [key, null] as const), ...set]);
}

/** Throws `invalid_params` when a variable of this name and value cannot be set; null unsets it. */
export function checkConfigVar(key: string, value: string | null): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(key) || key === '__proto__') {
    throw new PaasError(
      'invalid_params',
      `Config var name ${quoteValue(key)} is invalid: use letters, digits and _, not starting with a digit.`,
    );
  }
  if (RESERVED.has(key)) {
    throw new PaasError(
      'invalid_params',
      `Config var ${key} is reserved: the platform sets it for each dyno.`,
    );
  }
  if (value === null) return;
  if (value.includes('\0'))
    throw new PaasError('invalid_params', `The value of config var ${key} holds a NUL byte.`);
  if (!value.isWellFormed())
    throw new PaasError('invalid_params', `The value of config var ${key} is not valid Unicode.`);
  if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
    throw new PaasError(
      'invalid_params',
      `The value of config var ${key} is larger than ${MAX_VALUE_BYTES / 1024} KiB.`,
    );
  }
}

function checkTotal(config: ReadonlyMap<string, string>): void {
  if (config.size > MAX_VARS) {
    throw new PaasError(
      'invalid_params',
      `An app has at most ${MAX_VARS} config vars; this would make ${config.size}.`,
    );
  }
  let bytes = 0;
  for (const [key, value] of config) bytes += key.length + Buffer.byteLength(value) + 2;
  if (bytes > MAX_TOTAL_BYTES) {
    throw new PaasError(
      'invalid_params',
      `All config vars of an app together have at most ${MAX_TOTAL_BYTES / 1024} KiB.`,
    );
  }
}

function describe(set: string[], removed: string[]): string {
  const parts: string[] = [];
  if (set.length > 0) parts.push(`Set ${nameSome(set)} config vars`);
  if (removed.length > 0) parts.push(`Remove ${nameSome(removed)} config vars`);
  return parts.join(', ');
}

function nameSome(keys: string[]): string {
  return keys.length <= 8 ? keys.join(', ') : `${keys.slice(0, 8).join(', ')} and ${keys.length - 8} more`;
}
