// The figures of `GET /metrics`. Cheap: asked every few seconds.

import type { Database } from '../db/database.js';
import type { LogClient } from '../logs/client.js';
import { listApps } from '../platform/apps.js';
import type { DiskSpace } from './disk-space.js';
import type { Metric, MetricValue } from './prometheus.js';
import { readDisks } from './server-facts.js';

/** What came of an app's requests. */
export interface RequestCounts {
  /** How many reached a dyno. */
  readonly reached: number;
  /** Answers by the first digit of their status, 1 to 5, at its place less one. */
  readonly classes: readonly number[];
}

export interface MetricSources {
  readonly db: Database;
  readonly space: DiskSpace;
  readonly logs: Pick<LogClient, 'stats'>;
  /** Dynos of the formations, by state. */
  readonly dynoStates: () => Readonly<Record<string, number>>;
  /** How long the last pass of the loop took; undefined before it. */
  readonly passMs: () => number | undefined;
  /** How late timers of the daemon were since this was last asked, in seconds. */
  readonly eventLoopLag: () => { readonly p50: number; readonly p99: number; readonly max: number };
  /** Requests by app id, since the log collector started. */
  readonly requests: () => Promise<ReadonlyMap<string, RequestCounts>>;
  /** Lines of the access log that HAProxy had to drop, since the daemon started. */
  readonly droppedRouterLines: () => number;
  /** Resident memory of the daemon. */
  readonly memoryBytes: () => number;
}

const CLASSES = [1, 2, 3, 4, 5];

/** All figures; those that cannot be had now are left out. */
export async function gatherMetrics(sources: MetricSources): Promise<Metric[]> {
  const disks = await readDisks(sources).catch(() => []);
  const perDisk = (name: string, help: string, value: (disk: (typeof disks)[number]) => number | undefined) =>
    gauge(
      name,
      help,
      disks.flatMap((disk) => {
        const found = value(disk);
        return found === undefined ? [] : [{ value: found, labels: { holds: disk.holds } }];
      }),
    );
  const lag = sources.eventLoopLag();
  const passMs = sources.passMs();
  return [
    perDisk('paas_disk_free_bytes', 'Free space.', (disk) => disk.freeBytes),
    perDisk('paas_disk_total_bytes', 'Size of the file system.', (disk) => disk.totalBytes),
    perDisk('paas_disk_floor_bytes', 'Free space under which no build begins.', (disk) => disk.floorBytes),
    perDisk('paas_disk_free_inodes', 'Free inodes.', (disk) =>
      disk.totalInodes === 0 ? undefined : disk.freeInodes,
    ),
    perDisk(
      'paas_disk_full_seconds',
      'Forecast: seconds until the disk is full; absent when not within a year.',
      (disk) => disk.forecast?.fullInSeconds,
    ),
    ...nounMetrics(sources),
    gauge(
      'paas_reconcile_pass_seconds',
      'Duration of the last pass of the loop.',
      passMs === undefined ? [] : [{ value: passMs / 1000 }],
    ),
    gauge('paas_event_loop_lag_seconds', 'How late timers of the daemon were since the last look.', [
      { value: lag.p50, labels: { quantile: '0.5' } },
      { value: lag.p99, labels: { quantile: '0.99' } },
      { value: lag.max, labels: { quantile: '1' } },
    ]),
    gauge('paas_resident_memory_bytes', 'Memory of the daemon.', [{ value: sources.memoryBytes() }]),
    ...(await logMetrics(sources)),
    ...(await requestMetrics(sources)),
  ];
}

function nounMetrics({ db, dynoStates }: MetricSources): Metric[] {
  const count = (sql: string) => Number(db.sql.prepare(sql).pluck().get());
  const builds = db.sql.prepare('select status, count(*) as count from builds group by status').all() as {
    status: string;
    count: number;
  }[];
  const ofStatus = (status: string) => builds.find((row) => row.status === status)?.count ?? 0;
  const states = Object.entries(dynoStates());
  return [
    gauge('paas_apps', 'Apps.', [{ value: count('select count(*) from apps') }]),
    gauge(
      'paas_dynos',
      'Dynos that are wanted, by state.',
      states.map(([state, value]) => ({ value, labels: { state } })),
    ),
    gauge('paas_builds_queued', 'Builds that wait for their turn.', [{ value: ofStatus('queued') }]),
    gauge('paas_builds_running', 'Builds that run.', [{ value: ofStatus('pending') }]),
    gauge('paas_releases', 'Releases of all apps.', [{ value: count('select count(*) from releases') }]),
  ];
}

async function logMetrics({ logs }: MetricSources): Promise<Metric[]> {
  const counts = await logs.stats().catch(() => undefined);
  const one = (value: number | undefined): MetricValue[] => (value === undefined ? [] : [{ value }]);
  return [
    gauge('paas_log_collector_up', 'Whether the log collector answers.', [
      { value: counts === undefined ? 0 : 1 },
    ]),
    counter('paas_log_lines_total', 'Log lines taken since the collector started.', one(counts?.lines)),
    counter('paas_log_lines_dropped_total', 'Log lines that could not be stored.', one(counts?.unstored)),
  ];
}

async function requestMetrics({ db, requests, droppedRouterLines }: MetricSources): Promise<Metric[]> {
  const counts = await requests().catch(() => new Map<string, RequestCounts>());
  const apps = listApps(db).map(({ id, name }) => ({ name, counts: counts.get(id) }));
  return [
    counter(
      'paas_router_requests_total',
      'Requests that reached a dyno of the app.',
      apps.map(({ name, counts: of }) => ({ value: of?.reached ?? 0, labels: { app: name } })),
    ),
    counter(
      'paas_router_responses_total',
      "Answers to the app's clients, those of the router itself included, by class of status.",
      apps.flatMap(({ name, counts: of }) =>
        CLASSES.map((digit) => ({
          value: of?.classes[digit - 1] ?? 0,
          labels: { app: name, class: `${digit}xx` },
        })),
      ),
    ),
    counter('paas_router_log_lines_dropped_total', 'Router log lines dropped since the daemon started.', [
      { value: droppedRouterLines() },
    ]),
  ];
}

function gauge(name: string, help: string, values: readonly MetricValue[]): Metric {
  return { name, help, type: 'gauge', values };
}

function counter(name: string, help: string, values: readonly MetricValue[]): Metric {
  return { name, help, type: 'counter', values };
}
