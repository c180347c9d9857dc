// A dyno has failed: counts it once, keeps it as an incident, says it in the app's log, with the time of the next try.

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';
import type { Logger } from '../log.js';
import { recordCrash } from '../platform/dyno-wishes.js';
import { type Evidence, type IncidentKind, recordIncident } from '../platform/incidents.js';
import { coolOffOf, crashDelayMs, describeDelay } from './crash-backoff.js';
import { dynoName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';

export interface CrashDeps {
  readonly db: Database;
  readonly dynoLog: DynoLog;
  readonly log: Logger;
  readonly settings: {
    /** First cool-off of a dyno that crashed twice. */
    readonly coolOffMs: number;
  };
}

/** How a dyno failed. */
export interface Crash {
  readonly appId: AppId;
  readonly type: string;
  readonly number: number;
  readonly releaseVersion: number;
  /** Undefined when none could be made. */
  readonly containerId: string | undefined;
  /** Whether its release is the current one and its place is wanted: only such a crash delays the next try. */
  readonly isCurrent: boolean;
  /** It had run long enough to have shown that it works: this crash is a first one. */
  readonly wasProven?: boolean;
  readonly kind: IncidentKind;
  /** One sentence. */
  readonly reason: string;
  readonly evidence?: Evidence | undefined;
}

/**
 * Counts the crash and says it; `lines` are the app's log of it. Does nothing when the crash of this container is
 * counted already, so that a clean-up which broke off can be repeated. One that cannot be counted (the disk is full) is
 * said all the same: its clean-up has to go on, but as it makes no next try wait, a pause should.
 */
export function tellCrash(
  deps: CrashDeps,
  crash: Crash,
  lines: readonly string[],
): 'counted' | 'known' | 'uncounted' {
  const name = dynoName(crash);
  let count: number | undefined;
  let isCounted = true;
  try {
    count = keepCrash(deps.db, crash);
    if (count === undefined) return 'known';
  } catch (error) {
    deps.log.error({ err: error, dyno: name, app: crash.appId }, 'a crash could not be counted');
    isCounted = false;
  }
  for (const line of lines) deps.dynoLog.platform(crash.appId, name, line);
  const delayMs =
    crash.isCurrent && count !== undefined
      ? crashDelayMs(count, coolOffOf(crash.kind, deps.settings.coolOffMs))
      : 0;
  if (delayMs > 0) {
    const text = `Crashed ${count} times in a row: next try in ${describeDelay(delayMs)}`;
    deps.dynoLog.platform(crash.appId, name, text);
  }
  return isCounted ? 'counted' : 'uncounted';
}

/** How many there are now in a row; undefined when the crash of this container is counted already. */
function keepCrash(db: Database, crash: Crash): number | undefined {
  return db.write(() => {
    const count = crash.isCurrent ? recordCrash(db, crash) : 1;
    if (count === undefined) return undefined;
    const { appId, releaseVersion, kind, evidence } = crash;
    const dyno = dynoName(crash);
    recordIncident(db, { appId, dyno, releaseVersion, kind, message: crash.reason, evidence });
    return count;
  });
}
