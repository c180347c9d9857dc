// Ends dynos: the orderly way (no new requests, drain, SIGTERM, SIGKILL), and the clean-up after one that ended itself.

import { setTimeout as sleep } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import type { ContainerDetails, Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';
import { getApp } from '../platform/apps.js';
import type { OnStep } from '../platform/deploy-steps.js';
import {
  beginEnding,
  type DynoEnding,
  forgetEnding,
  getEnding,
  markDrained,
  markTerminated,
  timeLeftMs,
} from '../platform/dyno-endings.js';
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
  /** Wakes the loop. */
  readonly wake: (appId: AppId) => void;
  readonly onStep?: OnStep | undefined;
  /** Ms since the server started. */
  readonly uptimeMs: () => number;
}

const SESSIONS_POLL_MS = 100;
/** How long a crash that could not be counted keeps its place from the next try. */
const UNCOUNTED_WAIT_MS = 10_000;

/**
 * Drains, stops and removes a container, or goes on with that where an earlier daemon was. The caller has put it in phase
 * `stopping`.
 */
export async function stopDyno(
  deps: StopDynoDeps,
  container: DynoContainer,
  options: { why: StopReason; wasUp: boolean; signal: AbortSignal },
): Promise<void> {
  const name = dynoName(container);
  const { appId, containerId } = container;
  const { signal, why } = options;
  deps.onStep?.('old-draining');
  const ending = enterEnding(deps, container, why);
  const isRouted = container.type === 'web' && options.wasUp && container.isRunning;
  if (isRouted && ending.terminatedAt === undefined) await drain(deps, container, { ending, signal });
  deps.onStep?.('old-drained');
  signal.throwIfAborted();
  const { exitCode, tookMs } = await terminate(deps, container, { ending, signal });
  deps.onStep?.('old-stopped');
  const graceMs = deps.graceMs(appId);
  if (exitCode === 137 && tookMs >= graceMs * 0.95) {
    const seconds = graceMs / 1000;
    deps.dynoLog.platform(
      appId,
      name,
      `Error R12 (Exit timeout) -> At least one process failed to exit within ${seconds} seconds of SIGTERM`,
    );
    deps.dynoLog.platform(appId, name, 'Stopping remaining processes with SIGKILL');
  }
  deps.dynoLog.platform(appId, name, `Process exited with status ${exitCode}`);
  if (why === 'scaled-down' || why === 'stopped-by-user' || why === 'idle') {
    deps.dynoLog.platform(appId, name, 'State changed from up to down');
  }
  deps.lives.markOver(containerId);
  await insist(() => deps.engine.removeContainer(containerId), signal);
  deps.onStep?.('old-removed');
  keep(deps, () => forgetEnding(deps.db, containerId));
  deps.lives.forget(containerId);
}

/** On a full disk a dyno ends all the same; only the next daemon would not know where this one was. */
function keep(deps: Pick<StopDynoDeps, 'log'>, write: () => void): void {
  try {
    write();
  } catch (error) {
    deps.log.warn({ err: error }, 'the end of a dyno could not be kept');
  }
}

/** The container's ending, as an earlier daemon began it, or begun and said now. */
function enterEnding(deps: StopDynoDeps, container: DynoContainer, why: StopReason): DynoEnding {
  const { containerId, appId } = container;
  const known = getEnding(deps.db, containerId);
  if (known !== undefined) return known;
  keep(deps, () => beginEnding(deps.db, { containerId, appId, why }));
  // A web dyno's successor has said it, and is up.
  if (why === 'cycled' && container.type !== 'web') tellCycling(deps.dynoLog, container);
  if (why === 'idle') deps.dynoLog.platform(appId, dynoName(container), 'Idling');
  return { containerId, why, drainedFrom: undefined, terminatedAt: undefined };
}

/** Has its processes end: SIGTERM, and SIGKILL when their time is over. `tookMs`: since SIGTERM. */
async function terminate(
  deps: StopDynoDeps,
  container: DynoContainer,
  { ending, signal }: { ending: DynoEnding; signal: AbortSignal },
): Promise<{ exitCode: number; tookMs: number }> {
  const { appId, containerId } = container;
  const graceMs = deps.graceMs(appId);
  const terminatedAt = ending.terminatedAt ?? deps.uptimeMs();
  if (ending.terminatedAt === undefined) {
    const text = 'Stopping all processes with SIGTERM';
    if (container.isRunning) deps.dynoLog.platform(appId, dynoName(container), text);
    keep(deps, () => markTerminated(deps.db, containerId, terminatedAt));
  } else {
    // The engine goes on with the stop that it was asked for: many a process takes a second SIGTERM as an order to drop all.
    const limit = AbortSignal.timeout(timeLeftMs(terminatedAt, graceMs, deps.uptimeMs()));
    using either = anySignal(signal, limit);
    await deps.engine.waitContainer(containerId, { signal: either.signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
  await insist(() => deps.engine.stopContainer(containerId, { graceMs }), signal);
  const { exitCode } = await insist(() => deps.engine.inspectContainer(containerId), signal);
  return { exitCode, tookMs: deps.uptimeMs() - terminatedAt };
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
  deps: Pick<
    StopDynoDeps,
    'db' | 'engine' | 'dynoLog' | 'log' | 'lives' | 'settings' | 'outOfMemory' | 'seenEnds' | 'wake'
  >,
  container: DynoContainer,
  options: { isCurrent: boolean; wasUp: boolean; signal: AbortSignal },
): Promise<void> {
  const { containerId } = container;
  const details = await insist(() => deps.engine.inspectContainer(containerId), options.signal);
  if (endedWithServer(details, deps.seenEnds.has(containerId))) {
    const text = 'The server or its container engine stopped, and the process with it';
    deps.dynoLog.platform(container.appId, dynoName(container), text);
  } else if (tellEnd(deps, container, details, options) === 'uncounted') {
    await sleep(UNCOUNTED_WAIT_MS, undefined, { signal: options.signal });
  }
  deps.lives.markOver(containerId);
  // Its place need not wait for it.
  deps.wake(container.appId);
  await insist(() => deps.engine.removeContainer(containerId), options.signal);
  deps.lives.forget(containerId);
}

function tellEnd(
  deps: CrashDeps & Pick<StopDynoDeps, 'outOfMemory'>,
  container: DynoContainer,
  details: ContainerDetails,
  options: { isCurrent: boolean; wasUp: boolean },
): ReturnType<typeof tellCrash> {
  const { containerId, memoryBytes } = container;
  const cause = memoryCause(details, deps.outOfMemory.lastAt(containerId));
  const ended = `Process exited with status ${details.exitCode}`;
  const reason = cause === undefined ? ended : describeMemoryEnd(cause, memoryBytes);
  const ranMs = Math.max(0, (details.finishedAt ?? 0) - (details.startedAt ?? 0));
  return tellCrash(
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

/** Waits until no request is under way on it, at most until the app's drain time is over. */
async function drain(
  deps: StopDynoDeps,
  container: DynoContainer,
  { ending, signal }: { ending: DynoEnding; signal: AbortSignal },
): Promise<void> {
  await deps.routed(container.appId, signal);
  const drainedFrom = ending.drainedFrom ?? deps.uptimeMs();
  if (ending.drainedFrom === undefined) {
    keep(deps, () => markDrained(deps.db, container.containerId, drainedFrom));
  }
  const limitMs = getApp(deps.db, container.appId)?.drainTimeoutMs ?? 0;
  while (timeLeftMs(drainedFrom, limitMs, deps.uptimeMs()) > 0) {
    if ((await deps.router.sessions(container.appId, serverName(container))) === 0) return;
    await sleep(SESSIONS_POLL_MS, undefined, { signal });
  }
}
