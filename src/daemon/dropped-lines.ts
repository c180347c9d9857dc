// Router lines that HAProxy had to drop: kept for the operator, and told to apps in their logs. It counts them over all
// apps: whose they were nobody knows, so each app that had requests meanwhile is told. docs/decisions/0196-losses-while-nobody-looks.md

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import type { Logger } from '../log.js';
import type { LogClient } from '../logs/client.js';
import { formatTimestamp } from '../logs/line.js';
import { listApps } from '../platform/apps.js';
import type { MeterReport } from '../router/request-meter.js';
import { recordDroppedRouterLines } from '../upkeep/dropped-router-lines.js';

/** The router looks every ten seconds. */
const SINCE_MS = 11_000;
/** The collector, once it answers, has read by then what waited in the pipe. */
const CAUGHT_UP_MS = 1000;
const RETRY_MS = 500;

export interface DroppedLinesDeps {
  readonly db: Database;
  readonly logs: Pick<LogClient, 'requests' | 'write'>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Takes how many lines were dropped since the last time, or `since` then (epoch ms), when another daemon looked. They are
 * told when the collector answers.
 */
export function createDroppedLinesTeller(
  deps: DroppedLinesDeps,
): (count: number, since: number | undefined) => void {
  const { db, log } = deps;
  let untold = 0;
  let sinceMs = 0;
  let isTelling = false;

  async function tell(): Promise<void> {
    while (untold > 0) {
      const { apps, whose } = await busySince(deps, () => sinceMs);
      const text = `Error L10 (Output buffer overflow): ${untold} messages of the router, ${whose}, dropped since ${formatTimestamp(sinceMs * 1000)}.`;
      untold = 0;
      deps.logs.write(apps.map((appId) => ({ appId, source: 'heroku', process: 'logplex', text })));
    }
  }

  return (count, since) => {
    const from = Math.min(since ?? Number.POSITIVE_INFINITY, db.now() - SINCE_MS);
    sinceMs = untold === 0 ? from : Math.min(sinceMs, from);
    untold += count;
    try {
      recordDroppedRouterLines(db, count);
    } catch (err) {
      log.warn({ err, count }, 'dropped router lines are not kept');
    }
    if (isTelling) return;
    isTelling = true;
    tell()
      .catch((err) => {
        if (!deps.signal.aborted) log.warn({ err }, 'dropped router lines are not told to the apps');
      })
      .finally(() => {
        isTelling = false;
      });
  };
}

/** The apps with requests since then. A collector that stands still, or starts again, is waited for. */
async function busySince(
  { db, logs, signal }: Pick<DroppedLinesDeps, 'db' | 'logs' | 'signal'>,
  sinceMs: () => number,
): Promise<{ apps: readonly string[]; whose: string }> {
  // The first answer says that it reads again.
  await insist(() => logs.requests(), signal);
  await sleep(CAUGHT_UP_MS, undefined, { signal });
  // The collector's own report.
  const report = (await insist(() => logs.requests(), signal)) as MeterReport;
  // One that began later knows nothing of before: it may have been any app.
  if (report.since > sinceMs())
    return { apps: listApps(db).map(({ id }) => id), whose: 'of this app or others' };
  const apps = Object.keys(report.apps).filter((appId) => (report.apps[appId]?.lastAt ?? 0) >= sinceMs());
  return { apps, whose: 'of this app and others' };
}

/** The result of `call`, which is repeated while it fails. */
async function insist<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
  for (;;) {
    const result = await call().then(
      (value) => ({ value }),
      () => undefined,
    );
    if (result !== undefined) return result.value;
    await sleep(RETRY_MS, undefined, { signal });
  }
}
