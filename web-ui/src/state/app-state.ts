import type { App, Build, Dyno, Release } from '../api/types.js';

/**
 * What an app is doing, for a reader in a hurry:
 * maintenance: visitors see the maintenance page; deploying: a build or release phase runs; blank: no code yet;
 * crashed: at least one dyno has crashed; starting: none has, but not all are up; stopped: scaled to nothing, or asleep;
 * up: all are up, or sleep.
 */
export type AppStateName = 'maintenance' | 'deploying' | 'blank' | 'crashed' | 'starting' | 'stopped' | 'up';

export interface AppStatus {
  readonly name: AppStateName;
  /** One short clause: "2 of 3 dynos crashed". */
  readonly detail: string;
}

/** Derives the state from what the API lists. `releases` and `builds` are newest first. */
export function appStatus(facts: {
  app: Pick<App, 'maintenance'>;
  dynos: readonly Pick<Dyno, 'type' | 'state'>[];
  releases: readonly Pick<Release, 'status' | 'slug' | 'version'>[];
  builds: readonly Pick<Build, 'status'>[];
}): AppStatus {
  const dynos = processDynos(facts.dynos);
  if (facts.app.maintenance) return { name: 'maintenance', detail: 'visitors see the maintenance page' };
  if (facts.builds.some((build) => isRunning(build.status)))
    return { name: 'deploying', detail: 'a build is running' };
  if (facts.releases[0]?.status === 'pending')
    return { name: 'deploying', detail: 'the release phase is running' };
  if (dynos.length === 0) {
    const hasCode = facts.releases.some((release) => release.slug !== null);
    return hasCode
      ? { name: 'stopped', detail: 'every process is scaled to 0' }
      : { name: 'blank', detail: 'no code has been deployed yet' };
  }
  return dynoStatus(dynos);
}

/** True for a build that still runs or waits. */
export function isRunning(buildStatus: string): boolean {
  return buildStatus === 'pending' || buildStatus === 'queued';
}

/** The dynos of the formation: one-off and release-phase dynos left out. */
export function processDynos<T extends Pick<Dyno, 'type'>>(dynos: readonly T[]): T[] {
  return dynos.filter((dyno) => dyno.type !== 'run' && dyno.type !== 'release');
}

function dynoStatus(dynos: readonly Pick<Dyno, 'state'>[]): AppStatus {
  const total = dynos.length;
  const of = (state: string) => dynos.filter((dyno) => dyno.state === state).length;
  const crashed = of('crashed');
  if (crashed > 0) return { name: 'crashed', detail: `${crashed} of ${total} ${noun(total)} crashed` };
  const up = of('up');
  const idle = of('idle');
  if (idle > 0 && up + idle === total) {
    return { name: up === 0 ? 'stopped' : 'up', detail: 'web sleeps until the next request' };
  }
  if (up < total) return { name: 'starting', detail: `${up} of ${total} ${noun(total)} up` };
  return { name: 'up', detail: total === 1 ? '1 dyno up' : `all ${total} dynos up` };
}

function noun(total: number): string {
  return total === 1 ? 'dyno' : 'dynos';
}
