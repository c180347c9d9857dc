// Puts apps to sleep that nobody asked for, and wakes them. What runs then is the loop's business: this file only
// changes the state that the loop plans from, and says so.

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';
import { type Autosleep, fallAsleep, wakeUp } from '../platform/autosleep.js';
import { getFormation } from '../platform/formation.js';
import { recordIncident } from '../platform/incidents.js';
import type { MeterReport } from '../router/request-meter.js';
import type { Router } from '../router/router.js';
import { type DynoContainer, serverName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import type { Lives } from './lives.js';

export interface AutosleepDeps {
  readonly db: Database;
  readonly router: Pick<Router, 'sessions'>;
  readonly dynoLog: DynoLog;
  readonly lives: Pick<Lives, 'get'>;
  readonly containersOf: (appId: AppId) => readonly DynoContainer[];
}

export interface Sleeper {
  /** Puts the app to sleep if it is time. */
  consider(setting: Autosleep, report: MeterReport): Promise<void>;
  /** A request for the app waits: it is started if it sleeps. Safe to call at any time, with any text. */
  wake(appId: string): void;
}

export function createSleeper(deps: AutosleepDeps): Sleeper {
  // When an app had a connection open that the access log tells only at its end.
  const busyAt = new Map<AppId, number>();

  async function consider(setting: Autosleep, report: MeterReport): Promise<void> {
    const { db } = deps;
    const { appId, afterMs } = setting;
    const web = deps.containersOf(appId).filter((container) => container.type === 'web');
    if (!allUp(web, wantedWeb(db, appId))) return;
    const idle = idleSince({
      knownSince: report.since,
      lastRequestAt: report.apps[appId]?.lastAt,
      busyAt: busyAt.get(appId),
      updatedAt: setting.updatedAt,
      upSince: web.map((container) => deps.lives.get(container.containerId)?.since),
    });
    if (db.now() - idle < afterMs) return;
    for (const container of web) {
      if ((await deps.router.sessions(appId, serverName(container))) === 0) continue;
      busyAt.set(appId, db.now());
      return;
    }
    busyAt.delete(appId);
    if (!fallAsleep(db, appId)) return;
    const message = `No request for ${describeDuration(afterMs)}: its web dynos sleep until the next one`;
    recordIncident(db, { appId, kind: 'slept', message, evidence: { after_ms: afterMs } });
  }

  function wake(appId: string): void {
    if (!wakeUp(deps.db, appId)) return;
    // Only the id of an app that sleeps passes the line above.
    const id = appId as AppId;
    for (let number = 1; number <= wantedWeb(deps.db, id); number += 1) {
      deps.dynoLog.platform(id, `web.${number}`, 'Unidling');
    }
    recordIncident(deps.db, { appId: id, kind: 'woke', message: 'A request came: its web dynos start' });
  }

  return { consider, wake };
}

/**
 * Since when (epoch ms) nobody can have asked for the app: the last sign of life, or the beginning of what is known.
 * `upSince`: of each web dyno, so that a dyno that has just come up is not taken for one that nobody needs.
 */
export function idleSince(facts: {
  readonly knownSince: number;
  readonly lastRequestAt: number | undefined;
  readonly busyAt: number | undefined;
  readonly updatedAt: number;
  readonly upSince: readonly (number | undefined)[];
}): number {
  return Math.max(
    facts.knownSince,
    facts.lastRequestAt ?? 0,
    facts.busyAt ?? 0,
    facts.updatedAt,
    ...facts.upSince.map((since) => since ?? Number.POSITIVE_INFINITY),
  );
}

/** `30 minutes`, `90 seconds`. */
export function describeDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [count, unit] =
    seconds % 3600 === 0
      ? [seconds / 3600, 'hour']
      : seconds % 60 === 0
        ? [seconds / 60, 'minute']
        : [seconds, 'second'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

function wantedWeb(db: Database, appId: AppId): number {
  return getFormation(db, appId).find((entry) => entry.type === 'web')?.quantity ?? 0;
}

/** Nothing boots, crashes, drains or is replaced: an app in the middle of a change is not idle. */
function allUp(web: readonly DynoContainer[], quantity: number): boolean {
  return (
    quantity > 0 && web.length === quantity && web.every((dyno) => dyno.isRunning && dyno.phase === 'up')
  );
}
