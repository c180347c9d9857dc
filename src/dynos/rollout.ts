// How a new release comes to run, told to whoever waits for it: the pusher, the uploader.

import type { Database } from '../db/database.js';
import type { AppId } from '../ids.js';
import { getWatch } from '../platform/release-watches.js';
import { currentRelease, getRelease, type Release } from '../platform/releases.js';
import type { RolloutOutcome } from '../platform/rollout-outcome.js';
import { dynoName } from './dyno.js';
import { type AppState, isLive, wantedSlots } from './plan.js';
import type { ReleasePhases } from './release-phase.js';

export interface RolloutDeps {
  readonly db: Database;
  readonly nextPass: (signal: AbortSignal, appId: AppId) => Promise<void>;
  readonly whenPassed: (signal: AbortSignal) => Promise<void>;
  /** Resolves when no way back of the app is under way. */
  readonly whenWentBack: (appId: AppId, signal: AbortSignal) => Promise<void>;
  /** What the loop plans an app from. */
  readonly stateOf: (appId: AppId) => AppState;
  readonly phases: Pick<ReleasePhases, 'output' | 'exitCode'>;
}

/** Waits until the release runs or has failed to; yields what its release phase prints. */
export async function* followRollout(
  deps: RolloutDeps,
  release: Release,
  signal: AbortSignal,
): AsyncGenerator<string, RolloutOutcome> {
  const { appId } = release;
  let hasShownPhase = false;
  await deps.nextPass(signal, appId);
  for (;;) {
    const output = hasShownPhase ? undefined : deps.phases.output(release.id, signal);
    for await (const text of output ?? []) {
      // One that could not begin and is tried again has said nothing.
      hasShownPhase = true;
      yield text;
    }
    const outcome = judge(deps, release);
    if (outcome?.kind === 'live') {
      // Up since the last pass perhaps: whoever is told must find the router sending requests to it.
      await deps.nextPass(signal, appId);
    }
    if (outcome?.kind === 'unhealthy') {
      // The next pass begins to go back, if it is to.
      await deps.nextPass(signal, appId);
      await deps.whenWentBack(appId, signal);
      return { ...outcome, undoneBy: getRelease(deps.db, release.id)?.undoneBy };
    }
    if (outcome !== undefined) return outcome;
    // Whatever changes the outcome wakes the loop: to ask for passes would slow down what is waited for.
    await deps.whenPassed(signal);
  }
}

/** The outcome if there is one by now. */
function judge(deps: RolloutDeps, { id, appId, version }: Release): RolloutOutcome | undefined {
  const release = getRelease(deps.db, id);
  if (release === undefined) return { kind: 'superseded' };
  if (release.status === 'failed') {
    return { kind: 'release-phase-failed', exitCode: deps.phases.exitCode(id) };
  }
  const watch = getWatch(deps.db, id);
  if (watch?.outcome === 'rolled-back') {
    return { kind: 'unhealthy', reason: watch.reason ?? 'it failed', undoneBy: release.undoneBy };
  }
  const current = currentRelease(deps.db, appId);
  if (current !== undefined && current.version > version) return { kind: 'superseded' };
  if (release.status === 'pending') return undefined;
  const state = deps.stateOf(appId);
  if (wantedSlots(state).length === 0) return { kind: 'nothing-to-run' };
  const crash = state.crashes.find(
    (entry) => entry.releaseVersion === version && (entry.count >= 2 || entry.reason.includes('R10')),
  );
  if (crash !== undefined) return { kind: 'unhealthy', reason: `${dynoName(crash)}: ${crash.reason}` };
  return isLive(state) ? { kind: 'live' } : undefined;
}
