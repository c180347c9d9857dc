// What the database says of how an app should run, all that a plan is made from. Read for each app in each pass: as long
// as no row has changed, what was read before is given again.

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';
import { getAutosleep } from '../platform/autosleep.js';
import { listDomains } from '../platform/domains.js';
import { getDynoSettings } from '../platform/dyno-settings.js';
import { type DynoCrashes, type DynoWish, listCrashes, listDynoWishes } from '../platform/dyno-wishes.js';
import { type FormationEntry, getFormation } from '../platform/formation.js';
import { currentRelease } from '../platform/releases.js';

/** The wishes for one app. Not to be changed: whoever asks gets the same. */
export interface AppWishes {
  /** Of the current release; undefined without one that has an image. */
  readonly releaseVersion: number | undefined;
  readonly formation: readonly FormationEntry[];
  readonly isAsleep: boolean;
  readonly wishes: readonly DynoWish[];
  readonly crashes: readonly DynoCrashes[];
  readonly isCycling: boolean;
  readonly customHosts: readonly string[];
}

/** Gives the wishes for an app as they are now. */
export function createAppWishes(db: Database): (appId: AppId) => AppWishes {
  const known = new Map<AppId, AppWishes>();
  let knownAt: string | undefined;
  return (appId) => {
    const revision = db.revision();
    if (revision === undefined) return readWishes(db, appId);
    if (revision !== knownAt) known.clear();
    knownAt = revision;
    const wishes = known.get(appId) ?? readWishes(db, appId);
    known.set(appId, wishes);
    return wishes;
  };
}

function readWishes(db: Database, appId: AppId): AppWishes {
  const release = currentRelease(db, appId);
  return {
    releaseVersion: release?.image === undefined ? undefined : release.version,
    formation: getFormation(db, appId),
    isAsleep: getAutosleep(db, appId)?.asleepSince !== undefined,
    wishes: listDynoWishes(db, appId),
    crashes: listCrashes(db, appId),
    isCycling: getDynoSettings(db, appId).cycling,
    customHosts: listDomains(db, appId).map((domain) => domain.hostname),
  };
}
