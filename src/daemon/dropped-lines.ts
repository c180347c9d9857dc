// Tells apps in their logs of router lines that HAProxy had to drop. It counts them over all apps: whose they were
// nobody knows, so each app that had requests meanwhile is told.

import type { LogClient } from '../logs/client.js';
import { formatTimestamp } from '../logs/line.js';
import type { MeterReport } from '../router/request-meter.js';

/** `sinceMs` (epoch) is when it was looked for the last time. */
export async function tellDroppedLines(
  logs: Pick<LogClient, 'requests' | 'write'>,
  { count, sinceMs }: { count: number; sinceMs: number },
): Promise<void> {
  // The collector's own report.
  const { apps } = (await logs.requests()) as MeterReport;
  const text = `Error L10 (Output buffer overflow): ${count} messages of the router, of this app and others, dropped since ${formatTimestamp(sinceMs * 1000)}.`;
  logs.write(
    Object.entries(apps)
      .filter(([, { lastAt }]) => lastAt >= sinceMs)
      .map(([appId]) => ({ appId, source: 'heroku', process: 'logplex', text })),
  );
}
