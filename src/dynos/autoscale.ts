// Measures the process types that are scaled by the platform, and carries out what autoscale-policy.ts decides: the new
// quantity is a wish like a user's, which the loop makes true.

import type { Database } from '../db/database.js';
import { readCpuSeconds } from '../engine/cgroup-cpu.js';
import type { AppId } from '../ids.js';
import { getApp } from '../platform/apps.js';
import type { Autoscale } from '../platform/autoscale.js';
import { getAutosleep } from '../platform/autosleep.js';
import { getFormation, scale } from '../platform/formation.js';
import { recordIncident } from '../platform/incidents.js';
import { getScalingLessons, keepScalingLessons } from '../platform/scaling-lessons.js';
import type { MeterReport } from '../router/request-meter.js';
import {
  advance,
  type LoadSample,
  recall,
  type ScalingMemory,
  type ScalingTimes,
} from './autoscale-policy.js';
import type { DynoContainer } from './dyno.js';
import type { DynoLog } from './dyno-log.js';

export interface AutoscaleDeps {
  readonly db: Database;
  readonly dynoLog: DynoLog;
  readonly containersOf: (appId: AppId) => readonly DynoContainer[];
  readonly times: ScalingTimes;
}

export interface Scaler {
  /** Measures a process type and scales it if it is time. */
  consider(setting: Autoscale, report: MeterReport): Promise<void>;
  /** Forgets what was measured of all other process types. */
  keepOnly(settings: readonly Autoscale[]): void;
}

/** Counters at one look: what lies between two looks is a sample. */
interface Look {
  readonly at: number;
  readonly since: number;
  readonly count: number;
  readonly buckets: readonly number[];
  readonly cpu: ReadonlyMap<string, number>;
}

interface Watched {
  readonly updatedAt: number;
  readonly look: Look;
  readonly memory: ScalingMemory | undefined;
}

export function createScaler(deps: AutoscaleDeps): Scaler {
  const watched = new Map<string, Watched>();

  async function consider(setting: Autoscale, report: MeterReport): Promise<void> {
    const { db, times } = deps;
    const key = keyOf(setting);
    const known = watched.get(key);
    const previous = known?.updatedAt === setting.updatedAt ? known : undefined;
    const elapsedMs = previous === undefined ? undefined : db.now() - previous.look.at;
    // Less than nothing: the clock was set back.
    if (elapsedMs !== undefined && elapsedMs >= 0 && elapsedMs < times.sampleMs * 0.9) return;
    const up = deps
      .containersOf(setting.appId)
      .filter((dyno) => dyno.type === setting.type && dyno.isRunning && dyno.phase === 'up');
    const look = await lookAt(setting, { report, up, now: db.now });
    const quantity = quantityToday(db, setting);
    if (quantity === undefined) return void watched.delete(key);
    const sample = previous && sampleBetween(previous.look, look, { dynos: up.length, times });
    if (sample === undefined) {
      watched.set(key, { updatedAt: setting.updatedAt, look, memory: undefined });
      return;
    }
    const before = previous?.memory ?? recalled(setting, { quantity, at: sample.at });
    const { memory, decision } = advance(before, { rule: setting, quantity, sample, times });
    watched.set(key, { updatedAt: setting.updatedAt, look, memory });
    if (decision !== undefined)
      carryOut(setting, { from: quantity, to: decision.quantity, reason: decision.reason, memory });
  }

  /** After a start of the daemon, or of the collector, with whom the counts begin anew. */
  function recalled(setting: Autoscale, now: { quantity: number; at: number }): ScalingMemory | undefined {
    const lessons = getScalingLessons(deps.db, setting);
    return lessons && recall(lessons, now);
  }

  function carryOut(
    setting: Autoscale,
    change: { from: number; to: number; reason: string; memory: ScalingMemory },
  ): void {
    const { db, dynoLog } = deps;
    const { appId, type } = setting;
    const app = getApp(db, appId);
    if (app === undefined) return;
    const message = `Scaled ${type} from ${change.from} to ${change.to}: ${change.reason}`;
    db.write(() => {
      scale(db, { app, updates: [{ type, quantity: change.to }] });
      keepScalingLessons(db, setting, change.memory);
      recordIncident(db, { appId, kind: 'scaled', message, evidence: { from: change.from, to: change.to } });
    });
    dynoLog.platform(appId, 'autoscale', message);
  }

  return {
    consider,
    keepOnly(settings) {
      const keys = new Set(settings.map(keyOf));
      for (const key of watched.keys()) if (!keys.has(key)) watched.delete(key);
    },
  };
}

function keyOf(setting: Autoscale): string {
  return `${setting.appId}/${setting.type}`;
}

/** Undefined while nothing can be learnt: the app is in maintenance, sleeps, or has no such process type any more. */
function quantityToday(db: Database, { appId, type }: Autoscale): number | undefined {
  const app = getApp(db, appId);
  if (app === undefined || app.maintenance) return undefined;
  if (type === 'web' && getAutosleep(db, appId)?.asleepSince !== undefined) return undefined;
  return getFormation(db, appId).find((entry) => entry.type === type)?.quantity;
}

async function lookAt(
  setting: Autoscale,
  options: { report: MeterReport; up: readonly DynoContainer[]; now: () => number },
): Promise<Look> {
  const { report, up } = options;
  const requests = setting.type === 'web' ? report.apps[setting.appId] : undefined;
  const cpu = new Map<string, number>();
  for (const { containerId } of setting.metric === 'cpu' ? up : []) {
    const used = await readCpuSeconds(containerId);
    if (used !== undefined) cpu.set(containerId, used);
  }
  return {
    at: options.now(),
    since: report.since,
    count: requests?.count ?? 0,
    buckets: requests?.buckets ?? [],
    cpu,
  };
}

/** Undefined when the counters began anew between the looks, and when the clock jumped or the machine slept. */
function sampleBetween(
  before: Look,
  after: Look,
  { dynos, times }: { dynos: number; times: ScalingTimes },
): LoadSample | undefined {
  if (before.since !== after.since || after.count < before.count || after.at <= before.at) return undefined;
  if (after.at - before.at > Math.max(times.upMs, 3 * times.sampleMs)) return undefined;
  let cpuSeconds = 0;
  for (const [containerId, used] of after.cpu) cpuSeconds += used - (before.cpu.get(containerId) ?? used);
  return {
    at: after.at,
    seconds: (after.at - before.at) / 1000,
    requests: after.count - before.count,
    buckets: after.buckets.map((count, index) => count - (before.buckets[index] ?? 0)),
    cpuSeconds,
    dynos,
  };
}
