// Ends dynos: the orderly way (no new requests, drain, SIGTERM, SIGKILL), and the clean-up after one that ended itself.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerDetails, Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';
import { getApp } from '../platform/apps.js';
import type { OnStep } from '../platform/deploy-steps.js';
import type { Router } from '../router/router.js';
import { type CrashDeps, tellCrash } from './crash.js';
import { PROVEN_AFTER_MS } from './crash-backoff.js';
import { type DynoContainer, dynoName, serverName, type Verdict } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import { insist } from './insist.js';
import type { Lives } from './lives.js';
import { describeMemoryEnd, memoryCause, type OutOfMemory } from './out-of-memory.js';
import type { StopReason } from './plan.js';
import { endedWithServer, type SeenEnds } from './seen-ends.js';

export interface StopDynoDeps extends CrashDeps {
  readonly engine: Engine;
  readonly router: Pick<Router, 'sessions'>;
  readonly lives: Lives;
  readonly outOfMemory: Pick<OutOfMemory, 'lastAt'>;
  readonly seenEnds: Pick<SeenEnds, 'has'>;
  /** Time between SIGTERM and SIGKILL. */
  readonly graceMs: (appId: AppId) => number;
  /** Resolves once the router has been told of the present phases of an app's dynos. */
  readonly routed: (appId: AppId, signal: AbortSignal) => Promise<void>;
  readonly onStep?: OnStep | undefined;
}

const SESSIONS_POLL_MS = 100;

/** Drains, stops and removes a container. The caller has put it in phase `stopping`. */
export async function stopDyno(
  deps: StopDynoDeps,
  container: DynoContainer,
  options: { why: StopReason; wasUp: boolean; signal: AbortSignal },
): Promise<void> {
  const name = dynoName(container);
  deps.onStep?.('old-draining');
  // A web dyno's successor has said it, and is up.
  if (options.why === 'cycled' && container.type !== 'web') tellCycling(deps.dynoLog, container);
  if (options.why === 'idle') deps.dynoLog.platform(container.appId, name, 'Idling');
  if (container.type === 'web' && options.wasUp) await drain(deps, container, options.signal);
  deps.onStep?.('old-drained');
  options.signal.throwIfAborted();
  deps.dynoLog.platform(container.appId, name, 'Stopping all processes with SIGTERM');
  const graceMs = deps.graceMs(container.appId);
  const startedAt = performance.now();
  await insist(() => deps.engine.stopContainer(container.containerId, { graceMs }), options.signal);
  deps.onStep?.('old-stopped');
  const { exitCode } = await insist(
    () => deps.engine.inspectContainer(container.containerId),
    options.signal,
  );
  if (exitCode === 137 && performance.now() - startedAt >= graceMs * 0.95) {
    const seconds = graceMs / 1000;
    deps.dynoLog.platform(
      container.appId,
      name,
      `Error R12 (Exit timeout) -> At least one process failed to exit within ${seconds} seconds of SIGTERM`,
    );
    deps.dynoLog.platform(container.appId, name, 'Stopping remaining processes with SIGKILL');
  }
  deps.dynoLog.platform(container.appId, name, `Process exited with status ${exitCode}`);
  if (options.why === 'scaled-down' || options.why === 'stopped-by-user' || options.why === 'idle') {
    deps.dynoLog.platform(container.appId, name, 'State changed from up to down');
  }
  await insist(() => deps.engine.removeContainer(container.containerId), options.signal);
  deps.onStep?.('old-removed');
  deps.lives.forget(container.containerId);
}

/** Says that a dyno is replaced for its age. */
export function tellCycling(dynoLog: DynoLog, place: { appId: AppId; type: string; number: number }): void {
  dynoLog.platform(place.appId, dynoName(place), 'Cycling');
  dynoLog.platform(place.appId, dynoName(place), 'State changed from up to starting');
}

/**
 * Ends a container that must not go on, as a crash: counted at once, so that the wait for its next try holds. What is
 * under way on it is not waited for.
 */
export async function endCondemned(
  deps: StopDynoDeps,
  container: DynoContainer,
  options: { verdict: Verdict; isCurrent: boolean; signal: AbortSignal },
): Promise<void> {
  const name = dynoName(container);
  const { appId, containerId } = container;
  const { isCurrent, verdict, signal } = options;
  const canEndItself = verdict.cannotEndItself !== true;
  tellCrash(deps, { ...container, ...verdict, isCurrent }, [
    verdict.reason,
    ...(canEndItself ? ['Stopping all processes with SIGTERM'] : []),
  ]);
  if (canEndItself) {
    // A hung process may not end in order; it is removed by force then.
    await deps.engine.stopContainer(containerId, { graceMs: deps.graceMs(appId) }).catch(() => undefined);
  }
  signal.throwIfAborted();
  const details = await deps.engine.inspectContainer(containerId).catch(() => undefined);
  await insist(() => deps.engine.removeContainer(containerId), signal);
  deps.lives.forget(containerId);
  const status = details?.state === 'exited' ? details.exitCode : 137;
  deps.dynoLog.platform(appId, name, `Process exited with status ${status}`);
  deps.dynoLog.platform(appId, name, 'State changed from up to crashed');
}

/**
 * Says how a container ended that nobody stopped, counts the crash (unless it ended with the server), removes it. An engine that goes away meanwhile is
 * waited for: the crash is counted once.
 */
export async function buryDyno(
  deps: Pick<StopDynoDeps, 'db' | 'engine' | 'dynoLog' | 'lives' | 'settings' | 'outOfMemory' | 'seenEnds'>,
  container: DynoContainer,
  options: { isCurrent: boolean; wasUp: boolean; signal: AbortSignal },
): Promise<void> {
  const { containerId } = container;
  const details = await insist(() => deps.engine.inspectContainer(containerId), options.signal);
  if (endedWithServer(details, deps.seenEnds.has(containerId))) {
    const text = 'The server or its container engine stopped, and the process with it';
    deps.dynoLog.platform(container.appId, dynoName(container), text);
  } else tellEnd(deps, container, details, options);
  await insist(() => deps.engine.removeContainer(containerId), options.signal);
  deps.lives.forget(containerId);
}

function tellEnd(
  deps: CrashDeps & Pick<StopDynoDeps, 'outOfMemory'>,
  container: DynoContainer,
  details: ContainerDetails,
  options: { isCurrent: boolean; wasUp: boolean },
): void {
  const { containerId, memoryBytes } = container;
  const cause = memoryCause(details, deps.outOfMemory.lastAt(containerId));
  const ended = `Process exited with status ${details.exitCode}`;
  const reason = cause === undefined ? ended : describeMemoryEnd(cause, memoryBytes);
  const ranMs = Math.max(0, (details.finishedAt ?? 0) - (details.startedAt ?? 0));
  tellCrash(
    deps,
    {
      ...container,
      isCurrent: options.isCurrent,
      wasProven: ranMs >= PROVEN_AFTER_MS,
      kind: cause === undefined ? 'crashed' : 'out-of-memory',
      reason,
      evidence: {
        exit_code: details.exitCode,
        oom_killed: details.oomKilled,
        ran_ms: ranMs,
        memory_bytes: memoryBytes,
        ...(cause !== undefined && { process: cause }),
      },
    },
    [
      ...(cause === undefined ? [] : [reason]),
      ended,
      `State changed from ${options.wasUp ? 'up' : 'starting'} to crashed`,
    ],
  );
}

/** Waits until no request is under way on it, at most the app's drain time. */
async function drain(deps: StopDynoDeps, container: DynoContainer, signal: AbortSignal): Promise<void> {
  await deps.routed(container.appId, signal);
  const limitMs = getApp(deps.db, container.appId)?.drainTimeoutMs ?? 0;
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    if ((await deps.router.sessions(container.appId, serverName(container))) === 0) return;
    await sleep(SESSIONS_POLL_MS, undefined, { signal });
  }
}
