// The platform's own way back: from the code that does worse, not from what users asked for meanwhile.

import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../db/database.js';
import type { Account } from './accounts.js';
import type { App } from './apps.js';
import { changeConfig, configDifference } from './config-vars.js';
import { type AutomaticRollback, rollback } from './make-release.js';
import { getReleaseConfig, type Release } from './releases.js';

/**
 * Goes back to `to`, config vars included: that much is known to run. Config vars that were changed since `to`, while
 * newer code was on its way, are then changed again by a release of its own (`config`), which is judged like any other.
 * With the same code it is the config vars that do worse, and they stay as they were.
 */
export function rollBackAutomatically(
  db: Database,
  options: { app: App; by: Pick<Account, 'id'>; to: Release; automatic: AutomaticRollback },
): { made: Release; config: Release | undefined } {
  const { app, to, automatic } = options;
  const { undoes } = automatic;
  return db.write(() => {
    const made = rollback(db, options);
    if (hasSameCode(undoes, to)) return { made, config: undefined };
    const updates = configDifference(getReleaseConfig(db, to.id), getReleaseConfig(db, undoes.id));
    return { made, config: changeConfig(db, { app, by: { id: undoes.accountId }, updates }) };
  });
}

function hasSameCode(one: Release, other: Release): boolean {
  return one.image === other.image && isDeepStrictEqual(one.processTypes, other.processTypes);
}
