// Looks at the apps' requests every few seconds, as long as an app may sleep or is scaled by the platform, and lets
// autosleep.ts and autoscale.ts decide. Hears at once of requests to sleeping apps.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import type { LogClient } from '../logs/client.js';
import { listAutoscales } from '../platform/autoscale.js';
import { listAutosleeps } from '../platform/autosleep.js';
import type { MeterReport } from '../router/request-meter.js';
import type { Router } from '../router/router.js';
import { createScaler } from './autoscale.js';
import { SCALING_TIMES, type ScalingTimes } from './autoscale-policy.js';
import { type AutosleepDeps, createSleeper } from './autosleep.js';

export interface LoadWatch {
  /** Runs until the signal aborts. Without an app that follows its requests it asks nothing of anybody. */
  run(signal: AbortSignal): Promise<void>;
}

export interface LoadWatchDeps extends Omit<AutosleepDeps, 'router'> {
  readonly logs: Pick<LogClient, 'requests'>;
  readonly router: Pick<Router, 'listenForWakes' | 'sessions'>;
  readonly log: Logger;
  readonly scalingTimes?: ScalingTimes | undefined;
}

const MIN_LOOK_MS = 250;

export function createLoadWatch(deps: LoadWatchDeps): LoadWatch {
  const { db, logs, log, router } = deps;
  const times = deps.scalingTimes ?? SCALING_TIMES;
  const sleeper = createSleeper(deps);
  const scaler = createScaler({ ...deps, times });

  async function look(): Promise<void> {
    const awake = listAutosleeps(db).filter(({ asleepSince }) => asleepSince === undefined);
    const scaled = listAutoscales(db);
    scaler.keepOnly(scaled);
    if (awake.length === 0 && scaled.length === 0) return;
    // The collector counts with the meter of the same build; an older one is replaced when the daemon starts.
    const report = (await logs.requests()) as MeterReport;
    for (const setting of awake) await sleeper.consider(setting, report);
    for (const setting of scaled) await scaler.consider(setting, report);
  }

  async function lookAgainAndAgain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pauseMs = times.sampleMs;
      try {
        await look();
        // A short time to sleep after is kept to a quarter of it.
        const shortest = Math.min(...listAutosleeps(db).map(({ afterMs }) => afterMs / 4), times.sampleMs);
        pauseMs = Math.max(shortest, MIN_LOOK_MS);
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, 'the apps’ requests could not be looked at');
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  return {
    async run(signal) {
      await Promise.all([router.listenForWakes(sleeper.wake, signal), lookAgainAndAgain(signal)]);
    },
  };
}
