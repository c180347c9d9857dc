// From a started container to a dyno that is up: its startup checks, or R10 with what it did instead.

import { anySignal } from '../any-signal.js';
import type { Database } from '../db/database.js';
import type { Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';
import type { Logger } from '../log.js';
import type { App } from '../platform/apps.js';
import { describeProbe } from '../platform/check.js';
import { checksOf } from '../platform/checks.js';
import type { OnStep } from '../platform/deploy-steps.js';
import type { Evidence } from '../platform/incidents.js';
import { markPassed } from '../platform/passed-dynos.js';
import { configOfVersion, currentRelease } from '../platform/releases.js';
import { type CheckTarget, checkTarget, redactEvidence, withListening } from './check-target.js';
import { tellCrash } from './crash.js';
import { dynoName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import type { HealthNotes } from './health-notes.js';
import { insist } from './insist.js';
import { describeListening, listensOn } from './listening.js';
import type { Lives } from './lives.js';
import { WEB_PORT } from './routing.js';
import { type FailedCheck, passStartup } from './startup.js';

export interface AwaitUpDeps {
  readonly db: Database;
  readonly engine: Pick<Engine, 'inspectContainer' | 'inspectImage' | 'removeContainer' | 'runInContainer'>;
  readonly dynoLog: DynoLog;
  readonly lives: Lives;
  readonly healthNotes: HealthNotes;
  readonly log: Logger;
  readonly settings: { readonly bootTimeoutMs: number; readonly coolOffMs: number };
  readonly onStep?: OnStep | undefined;
}

/** A container that was started, and the place in the formation that it is for. */
export interface StartedDyno {
  readonly appId: AppId;
  readonly type: string;
  readonly number: number;
  readonly releaseVersion: number;
  readonly containerId: string;
  readonly app: App;
  readonly signal: AbortSignal;
}

/** Waits for the checks of a started container, and says in the app's log how it went. */
export async function awaitDynoUp(deps: AwaitUpDeps, dyno: StartedDyno): Promise<void> {
  const { containerId } = dyno;
  const checking = deps.lives.get(containerId)?.checking.signal ?? dyno.signal;
  using either = anySignal(dyno.signal, checking);
  const { signal } = either;
  try {
    if (!(await passes(deps, dyno, signal))) return;
  } catch (error) {
    if (signal.aborted) return;
    // Without a life the container is adopted in the loop's next pass, and checked again.
    deps.lives.forget(containerId);
    throw error;
  }
  deps.onStep?.('dyno-healthy');
  keepPassing(deps, dyno);
  if (deps.lives.enter(containerId, 'up')) {
    deps.onStep?.('dyno-up');
    deps.dynoLog.platform(dyno.appId, dynoName(dyno), 'State changed from starting to up');
  }
}

/** On a full disk it comes up all the same; only the next daemon would check it again. */
function keepPassing(deps: AwaitUpDeps, dyno: StartedDyno): void {
  try {
    markPassed(deps.db, dyno);
  } catch (error) {
    deps.log.warn({ err: error, dyno: dynoName(dyno), app: dyno.appId }, 'that a dyno came up was not kept');
  }
}

async function passes(deps: AwaitUpDeps, dyno: StartedDyno, signal: AbortSignal): Promise<boolean> {
  const { startup } = checksOf(deps.db, dyno);
  if (startup.checks.length === 0) return true;
  const target = await checkTarget({ engine: deps.engine, now: deps.db.now }, dyno.containerId);
  // It has ended: the loop buries it.
  if (target === undefined) return false;
  const config = configOfVersion(deps.db, dyno.appId, dyno.releaseVersion);
  const result = await passStartup(target, startup.checks, {
    engine: deps.engine,
    bootTimeoutMs: deps.settings.bootTimeoutMs,
    signal,
    onFailure: ({ check, said, evidence }) =>
      deps.healthNotes.note(dyno.containerId, {
        check: describeProbe(check.probe, WEB_PORT),
        said,
        evidence: redactEvidence(evidence, config),
        failures: undefined,
        at: deps.db.now(),
      }),
  });
  deps.healthNotes.clear(dyno.containerId);
  if (result.passed) {
    for (const warning of result.warnings) {
      deps.dynoLog.platform(dyno.appId, dynoName(dyno), `Warning: startup check failed -> ${warning}`);
    }
    return true;
  }
  await bootTimedOut(deps, dyno, { target, failure: result, config });
  return false;
}

/** R10: says what the process did instead of passing, then ends it. */
async function bootTimedOut(
  deps: AwaitUpDeps,
  dyno: StartedDyno,
  seen: {
    target: CheckTarget;
    failure: FailedCheck;
    config: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const { target, failure } = seen;
  const { limitMs } = failure;
  const evidence = redactEvidence(
    await withListening(target, { ...failure.evidence, seconds: Math.round(limitMs / 100) / 10 }),
    seen.config,
  );
  const reason = bootTimeoutReason({ dyno, failure: { ...failure, evidence }, limitMs });
  const name = dynoName(dyno);
  const { appId, containerId } = dyno;
  if (!deps.lives.enter(containerId, 'stopping')) return;
  const isCurrent = currentRelease(deps.db, appId)?.version === dyno.releaseVersion;
  tellCrash(deps, { ...dyno, isCurrent, kind: 'boot-timeout', reason, evidence }, [
    reason,
    'Stopping process with SIGKILL',
  ]);
  await insist(() => deps.engine.removeContainer(containerId), dyno.signal);
  deps.lives.forget(containerId);
  deps.dynoLog.platform(appId, name, 'Process exited with status 137');
  deps.dynoLog.platform(appId, name, 'State changed from starting to crashed');
}

/** The words of R10. Pure. */
export function bootTimeoutReason(options: {
  dyno: { readonly type: string };
  failure: Pick<FailedCheck, 'check' | 'said'> & { readonly evidence: Evidence };
  limitMs: number;
}): string {
  const { failure, dyno } = options;
  const { probe } = failure.check;
  const seconds = Math.round(options.limitMs / 100) / 10;
  const who = dyno.type === 'web' ? 'Web process' : 'Process';
  const sockets = failure.evidence['listening'];
  const asksPort = probe.kind === 'port' || probe.kind === 'http';
  if (asksPort && probe.port === undefined && Array.isArray(sockets) && !listensOn(sockets, WEB_PORT)) {
    return `Error R10 (Boot timeout) -> ${who} failed to bind to $PORT within ${seconds} seconds of launch: ${describeListening(sockets, WEB_PORT)}`;
  }
  const body = failure.evidence['body'] ?? failure.evidence['output'] ?? '';
  const shown = body === '' ? '' : `: ${JSON.stringify(body)}`;
  return `Error R10 (Boot timeout) -> ${who} failed its startup check within ${seconds} seconds of launch: ${describeProbe(probe, WEB_PORT)}: it ${failure.said}${shown}`;
}
