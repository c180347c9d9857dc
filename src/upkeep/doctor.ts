// What is well with the server and what is not, from facts that were gathered (server-facts.ts). Pure.

import type { BuildCpuState } from '../engine/build-cpu.js';
import type { DiskForecast } from './disk-forecast.js';
import { type FileSystem, formatBytes } from './disk-space.js';

/** One line of `paas doctor`. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** The next step. */
  readonly hint?: string;
}

/** A fact, or why it is not known. */
export type Fact<Value> = Value | { readonly error: string };

/** What is known of the server. */
export interface ServerFacts {
  readonly engine: Fact<{
    readonly version: string;
    readonly isLiveRestore: boolean;
    /** Engine's clock minus ours. */
    readonly skewMs: number;
  }>;
  readonly isRouterUp: boolean;
  readonly collector: Fact<{ readonly pid: number; readonly unstored: number }>;
  /** Of the last day. */
  readonly droppedRouterLines: Fact<number>;
  readonly database: Fact<{
    /** What is wrong with it. */
    readonly damage: string | undefined;
    readonly bytes: number;
    readonly newestBackupAgeMs: number | undefined;
  }>;
  readonly disks: Fact<readonly (FileSystem & { readonly forecast: DiskForecast | undefined })[]>;
  /** What takes space, biggest first. */
  readonly consumers: Fact<readonly Consumer[]>;
  readonly leftovers: Fact<number>;
  readonly openFiles: Fact<{ readonly used: number; readonly limit: number }>;
  readonly buildCpu: Fact<BuildCpuState>;
  readonly apps: Fact<{ readonly count: number; readonly unhealthy: readonly string[] }>;
  /** Containers whose writable layer could not be measured. */
  readonly unreadableLayers: number;
}

export interface Consumer {
  readonly what: string;
  readonly bytes: number;
}

/** BuildKit's, of everybody who builds on the engine. */
export const ENGINE_CACHE = "the engine's build cache";

// Seen with Docker: it is what reads a container's output, and the kernel keeps 64 KB.
const ENGINE_AWAY =
  'Apps run on, but one that prints waits once 64 KB are unread. Start the engine: systemctl start docker';
const SHOWN_CONSUMERS = 8;
// Above what docs/operations.md and the installer bound it to.
const LARGE_ENGINE_CACHE = 12 * 1024 ** 3;
const SKEW_MS = 5000;
const SOON_SECONDS = 30 * 24 * 3600;
const BACKUP_AGE_MS = 3 * 24 * 3600 * 1000;
const FEW_FILES = 4096;

/** All checks, in the order in which people want to read them. */
export function examine(facts: ServerFacts): Finding[] {
  return [
    ...known('engine', facts.engine, engineFindings, ENGINE_AWAY),
    facts.isRouterUp
      ? ok('router', 'HAProxy runs')
      : fail('router', 'HAProxy does not run', 'Read DATA_DIR/log/paasd.log'),
    ...known('log collector', facts.collector, collectorFindings),
    ...known('router lines', facts.droppedRouterLines, routerLineFindings),
    ...known('database', facts.database, databaseFindings),
    ...known('disk', facts.disks, (disks) => disks.flatMap(diskFindings)),
    ...known('biggest', facts.consumers, consumerFindings),
    ...known('leftovers', facts.leftovers, leftoverFindings),
    ...known('open files', facts.openFiles, openFilesFindings),
    ...known('builds', facts.buildCpu, buildFindings),
    ...known('apps', facts.apps, appFindings),
    ...layerFindings(facts.unreadableLayers),
  ];
}

function known<Value>(
  check: string,
  fact: Fact<Value>,
  findings: (value: Value) => readonly Finding[],
  hint?: string,
): readonly Finding[] {
  const isError = typeof fact === 'object' && fact !== null && 'error' in fact;
  // A fact is no object with `error`, or it is one and nothing else.
  return isError ? [fail(check, String(fact.error), hint)] : findings(fact as Value);
}

function engineFindings(engine: { version: string; isLiveRestore: boolean; skewMs: number }): Finding[] {
  const skew = Math.round(Math.abs(engine.skewMs) / 1000);
  return [
    ok('engine', `Docker ${engine.version} answers`),
    engine.isLiveRestore
      ? ok('live restore', 'apps go on while the engine restarts')
      : warn(
          'live restore',
          'off: a restart of the engine ends every app',
          'Put {"live-restore": true} into /etc/docker/daemon.json, then: systemctl reload docker',
        ),
    Math.abs(engine.skewMs) <= SKEW_MS
      ? ok('clock', 'the engine and the daemon agree')
      : warn('clock', `the engine's clock is ${skew} s off`, 'Synchronise the time of both machines'),
  ];
}

function collectorFindings({ pid, unstored }: { pid: number; unstored: number }): Finding[] {
  return [
    unstored === 0
      ? ok('log collector', `runs (pid ${pid})`)
      : warn(
          'log collector',
          `${unstored} lines could not be stored since it started`,
          'Read DATA_DIR/log/collector.log: is the disk full, or too slow?',
        ),
  ];
}

function routerLineFindings(dropped: number): Finding[] {
  if (dropped === 0) return [ok('router lines', 'none dropped in the last day')];
  const hint =
    'The log collector did not read them in time: is the processor or the disk busy then? Read DATA_DIR/log/collector.log';
  return [warn('router lines', `${dropped} lines dropped in the last day`, hint)];
}

function databaseFindings(database: {
  damage: string | undefined;
  bytes: number;
  newestBackupAgeMs: number | undefined;
}): Finding[] {
  const { damage, bytes, newestBackupAgeMs: age } = database;
  const restore = 'Stop the daemon, then: paasd-admin database:restore';
  return [
    damage === undefined
      ? ok('database', `whole, ${formatBytes(bytes)}`)
      : fail('database', `damaged: ${damage}`, restore),
    age !== undefined && age <= BACKUP_AGE_MS
      ? ok('backup', `the newest is ${formatDuration(age / 1000)} old`)
      : warn(
          'backup',
          age === undefined ? 'there is none' : `the newest is ${formatDuration(age / 1000)} old`,
          'Make one with: paasd-admin database:backup',
        ),
  ];
}

function diskFindings(disk: FileSystem & { readonly forecast: DiskForecast | undefined }): Finding[] {
  const check = `disk of ${disk.holds}`;
  const { freeBytes, floorBytes, totalBytes, totalInodes, freeInodes } = disk;
  const free = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free, ${forecastText(disk.forecast)}`;
  const fullIn = disk.forecast?.fullInSeconds;
  const findings: Finding[] = [];
  if (freeBytes < floorBytes) {
    const hint = 'See what is biggest below: destroy apps, lower PAAS_KEPT_RELEASES, or enlarge the disk';
    findings.push(
      fail(check, `${free}: below the floor of ${formatBytes(floorBytes)}, no build begins`, hint),
    );
  } else if (fullIn !== undefined && fullIn < SOON_SECONDS) {
    findings.push(warn(check, free, 'See what is biggest below, or enlarge the disk'));
  } else {
    findings.push(ok(check, free));
  }
  if (totalInodes > 0 && freeInodes / totalInodes < 0.1) {
    const share = Math.round((100 * freeInodes) / totalInodes);
    findings.push(
      warn(`inodes of ${disk.holds}`, `${share} % free`, 'Many small files: see what is biggest'),
    );
  }
  return findings;
}

/** `full in ~12 days at 1.2 GB/day`. */
function forecastText(forecast: DiskForecast | undefined): string {
  if (forecast === undefined) return 'no forecast yet (it takes an hour)';
  const { fullInSeconds, bytesPerDay } = forecast;
  if (fullInSeconds === undefined) return 'not full within a year';
  return `full in ~${formatDuration(fullInSeconds)} at ${formatBytes(bytesPerDay)}/day`;
}

function consumerFindings(consumers: readonly Consumer[]): Finding[] {
  const shown = consumers.slice(0, SHOWN_CONSUMERS).filter(({ bytes }) => bytes > 0);
  if (shown.length === 0) return [ok('biggest', 'nothing')];
  const list = shown.map(({ what, bytes }) => `${what} ${formatBytes(bytes)}`).join(', ');
  return [ok('biggest', list), ...consumers.flatMap(buildCacheFindings)];
}

/** The platform leaves it, since it is not only ours (docs/decisions/0107). */
function buildCacheFindings({ what, bytes }: Consumer): Finding[] {
  if (what !== ENGINE_CACHE || bytes < LARGE_ENGINE_CACHE) return [];
  const bound = '{"builder": {"gc": {"enabled": true, "defaultKeepStorage": "10GB"}}}';
  const hint = `Bound it with ${bound} in /etc/docker/daemon.json, or free it with: docker builder prune`;
  return [warn('build cache', `${formatBytes(bytes)} of Dockerfile builds, which nothing bounds`, hint)];
}

function leftoverFindings(count: number): Finding[] {
  return [
    count === 0
      ? ok('leftovers', 'none')
      : warn('leftovers', `${count} objects of no app`, 'The next sweep removes them, within an hour'),
  ];
}

function openFilesFindings({ used, limit }: { used: number; limit: number }): Finding[] {
  const detail = `${used} of ${limit} in use`;
  const hint = 'Raise LimitNOFILE of paasd.service (or ulimit -n)';
  return [
    limit < FEW_FILES || used > limit * 0.8 ? warn('open files', detail, hint) : ok('open files', detail),
  ];
}

function buildFindings(cpu: BuildCpuState): Finding[] {
  if (cpu.kind === 'idle') return [ok('builds', 'run when no app wants the processor')];
  const detail = `only weigh less than apps, whose answers they delay by some ms: ${cpu.reason}`;
  return [warn('builds', detail, 'Run a kernel from Linux 5.15 on, and the daemon as root')];
}

function appFindings({ count, unhealthy }: { count: number; unhealthy: readonly string[] }): Finding[] {
  if (unhealthy.length === 0) return [ok('apps', `${count}, none with a crashed dyno`)];
  const names = unhealthy.slice(0, 5).join(', ');
  return [warn('apps', `${unhealthy.length} of ${count} have crashed dynos: ${names}`, 'paas ps -a NAME')];
}

function layerFindings(count: number): Finding[] {
  if (count === 0) return [];
  const detail = `the disks of ${count} containers cannot be measured`;
  return [warn('disk quota', detail, 'The daemon needs to read the directory of the engine: run it as root')];
}

/** `3 days`, `5 hours`, `40 minutes`. */
export function formatDuration(seconds: number): string {
  const steps = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const;
  for (const [unit, length] of steps) {
    const count = Math.round(seconds / length);
    if (seconds >= length) return `${count} ${unit}${count === 1 ? '' : 's'}`;
  }
  return 'a minute';
}

function ok(check: string, detail: string): Finding {
  return { check, status: 'ok', detail };
}

function warn(check: string, detail: string, hint: string): Finding {
  return { check, status: 'warn', detail, hint };
}

function fail(check: string, detail: string, hint?: string): Finding {
  return { check, status: 'fail', detail, ...(hint !== undefined && { hint }) };
}
