// Ends dynos: the orderly way (no new requests, drain, SIGTERM, SIGKILL), and the clean-up after one that ended itself.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import type { Engine } from '../engine/engine.js';
import { getApp } from '../platform/apps.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { clearCrashes, recordCrash } from '../platform/dyno-wishes.js';
import { recordIncident } from '../platform/incidents.js';
import type { Router } from '../router/router.js';
import { PROVEN_AFTER_MS } from './crash-backoff.js';
import { type DynoContainer, dynoName, serverName, type Verdict } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import type { Lives } from './lives.js';
import type { StopReason } from './plan.js';

export interface StopDynoDeps {
  readonly db: Database;
  readonly engine: Engine;
  readonly router: Pick<Router, 'sessions'>;
  readonly dynoLog: DynoLog;
  readonly lives: Lives;
  /** Resolves once the router has been told of the present phases. */
  readonly routed: (signal: AbortSignal) => Promise<void>;
  readonly onStep?: OnStep | undefined;
}

const GRACE_MS = 30_000;
const SESSIONS_POLL_MS = 100;

/** Drains, stops and removes a container. The caller has put it in phase `stopping`. */
export async function stopDyno(
  deps: StopDynoDeps,
  container: DynoContainer,
  options: { why: StopReason; wasUp: boolean; signal: AbortSignal },
): Promise<void> {
  const name = dynoName(container);
  deps.onStep?.('old-draining');
  if (container.type === 'web' && options.wasUp) await drain(deps, container, options.signal);
  deps.onStep?.('old-drained');
  options.signal.throwIfAborted();
  deps.dynoLog.platform(container.appId, name, 'Stopping all processes with SIGTERM');
  const startedAt = performance.now();
  await deps.engine.stopContainer(container.containerId, { graceMs: GRACE_MS });
  deps.onStep?.('old-stopped');
  const { exitCode } = await deps.engine.inspectContainer(container.containerId);
  if (exitCode === 137 && performance.now() - startedAt >= GRACE_MS * 0.95) {
    const seconds = GRACE_MS / 1000;
    deps.dynoLog.platform(
      container.appId,
      name,
      `Error R12 (Exit timeout) -> At least one process failed to exit within ${seconds} seconds of SIGTERM`,
    );
    deps.dynoLog.platform(container.appId, name, 'Stopping remaining processes with SIGKILL');
  }
  deps.dynoLog.platform(container.appId, name, `Process exited with status ${exitCode}`);
  if (options.why === 'scaled-down' || options.why === 'stopped-by-user') {
    deps.dynoLog.platform(container.appId, name, 'State changed from up to down');
  }
  await deps.engine.removeContainer(container.containerId);
  deps.onStep?.('old-removed');
  deps.lives.forget(container.containerId);
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
  const { kind, reason, evidence } = options.verdict;
  const { appId, releaseVersion } = container;
  recordIncident(deps.db, { appId, dyno: name, releaseVersion, kind, message: reason, evidence });
  if (options.isCurrent && getApp(deps.db, appId) !== undefined)
    recordCrash(deps.db, { ...container, reason });
  deps.dynoLog.platform(appId, name, reason);
  deps.dynoLog.platform(appId, name, 'Stopping all processes with SIGTERM');
  // A paused or hung process cannot end in order; it is removed by force then.
  await deps.engine.stopContainer(container.containerId, { graceMs: GRACE_MS }).catch(() => undefined);
  options.signal.throwIfAborted();
  const details = await deps.engine.inspectContainer(container.containerId).catch(() => undefined);
  await deps.engine.removeContainer(container.containerId);
  deps.lives.forget(container.containerId);
  const status = details?.state === 'exited' ? details.exitCode : 137;
  deps.dynoLog.platform(appId, name, `Process exited with status ${status}`);
  deps.dynoLog.platform(appId, name, 'State changed from up to crashed');
}

/** Says how a container ended that nobody stopped, counts the crash, removes it. */
export async function buryDyno(
  deps: Pick<StopDynoDeps, 'db' | 'engine' | 'dynoLog' | 'lives'>,
  container: DynoContainer,
  options: { isCurrent: boolean; wasUp: boolean },
): Promise<void> {
  const name = dynoName(container);
  const details = await deps.engine.inspectContainer(container.containerId);
  const reason = details.oomKilled
    ? `Error R15 (Memory quota vastly exceeded) -> Process was killed at its limit of ${Math.round(container.memoryBytes / 1024 ** 2)}M`
    : `Process exited with status ${details.exitCode}`;
  if (details.oomKilled) deps.dynoLog.platform(container.appId, name, reason);
  deps.dynoLog.platform(container.appId, name, `Process exited with status ${details.exitCode}`);
  deps.dynoLog.platform(
    container.appId,
    name,
    `State changed from ${options.wasUp ? 'up' : 'starting'} to crashed`,
  );
  if (options.isCurrent) {
    const ranMs = (details.finishedAt ?? 0) - (details.startedAt ?? 0);
    if (ranMs >= PROVEN_AFTER_MS) clearCrashes(deps.db, container);
    if (getApp(deps.db, container.appId) !== undefined) recordCrash(deps.db, { ...container, reason });
  }
  await deps.engine.removeContainer(container.containerId);
  deps.lives.forget(container.containerId);
}

/** Waits until no request is under way on it, at most the app's drain time. */
async function drain(deps: StopDynoDeps, container: DynoContainer, signal: AbortSignal): Promise<void> {
  await deps.routed(signal);
  const limitMs = getApp(deps.db, container.appId)?.drainTimeoutMs ?? 0;
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    if ((await deps.router.sessions(container.appId, serverName(container))) === 0) return;
    await sleep(SESSIONS_POLL_MS, undefined, { signal });
  }
}
