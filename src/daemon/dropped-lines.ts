// Router lines that HAProxy had to drop: kept for the operator, and told to apps in their logs. It counts them over all
// apps: whose they were nobody knows, so each app that had requests meanwhile is told.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import type { Logger } from '../log.js';
import type { LogClient } from '../logs/client.js';
import { formatTimestamp } from '../logs/line.js';
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

/** Takes how many lines were dropped since the last time. They are told when the collector answers. */
export function createDroppedLinesTeller(deps: DroppedLinesDeps): (count: number) => void {
  const { db, log } = deps;
  let untold = 0;
  let sinceMs = 0;
  let isTelling = false;

  async function tell(): Promise<void> {
    while (untold > 0) {
      const apps = await busySince(deps, () => sinceMs);
      const text = `Error L10 (Output buffer overflow): ${untold} messages of the router, of this app and others, dropped since ${formatTimestamp(sinceMs * 1000)}.`;
      untold = 0;
      deps.logs.write(apps.map((appId) => ({ appId, source: 'heroku', process: 'logplex', text })));
    }
  }

  return (count) => {
    if (untold === 0) sinceMs = db.now() - SINCE_MS;
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

/** The ids of the apps with requests since then. A collector that stands still, or starts again, is waited for. */
async function busySince(
  { logs, signal }: Pick<DroppedLinesDeps, 'logs' | 'signal'>,
  sinceMs: () => number,
): Promise<string[]> {
  // The first answer says that it reads again.
  await insist(() => logs.requests(), signal);
  await sleep(CAUGHT_UP_MS, undefined, { signal });
  // The collector's own report.
  const { apps } = (await insist(() => logs.requests(), signal)) as MeterReport;
  return Object.keys(apps).filter((appId) => (apps[appId]?.lastAt ?? 0) >= sinceMs());
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
