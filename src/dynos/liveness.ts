// Liveness: every dyno that is up is asked again and again whether it still works. One that fails its check as often in a
// row as its settings say, or that cannot run at all (paused, stopped by a signal), is condemned; the loop replaces it.
// docs/decisions/0061-liveness.md

import { setTimeout as sleep } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import type { Database } from '../db/database.js';
import type { Engine } from '../engine/engine.js';
import { createFreezeLook, type FreezeLook } from '../engine/freeze-look.js';
import type { AppId } from '../ids.js';
import type { Logger } from '../log.js';
import { getApp } from '../platform/apps.js';
import { onChange } from '../platform/changes.js';
import { type Check, describeProbe } from '../platform/check.js';
import { checksOf } from '../platform/checks.js';
import { configOfVersion } from '../platform/releases.js';
import { type CheckTarget, checkTarget, redactEvidence, withListening } from './check-target.js';
import { type DynoContainer, dynoName, type Verdict } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import type { HealthNotes } from './health-notes.js';
import { listensOn } from './listening.js';
import type { Lives } from './lives.js';
import { type ProbeResult, probe } from './probe.js';
import { WEB_PORT } from './routing.js';
import { createSemaphore, type Semaphore } from './semaphore.js';

export interface LivenessDeps {
  readonly db: Database;
  readonly engine: Pick<Engine, 'inspectContainer' | 'inspectImage' | 'runInContainer'>;
  readonly lives: Lives;
  readonly healthNotes: HealthNotes;
  readonly dynoLog: DynoLog;
  readonly log: Logger;
  readonly allContainers: () => readonly DynoContainer[];
  /** Wakes the loop. */
  readonly wake: (appId: AppId) => void;
  /** Random number in [0, 1): dynos are not all asked at the same moment. */
  readonly random: () => number;
}

const TICK_MS = 1000;
// Together with the tick a stopped dyno is known after 3 s at most, and replaced within 5 s.
const STATE_INTERVAL_MS = 2000;
const STATE_CONFIRM_MS = 1000;
const MAX_AT_ONCE = 20;

/** One dyno under watch. */
interface Watch {
  readonly dyno: DynoContainer;
  readonly checks: readonly CheckWatch[];
  /** Of the settings that `checks` came from. */
  readonly generation: number;
  target: CheckTarget | undefined;
  /** Of the target's processes. */
  freeze: FreezeLook | undefined;
  isBusy: boolean;
  /** `performance.now()`. */
  nextStateAt: number;
  frozenLooks: number;
}

interface CheckWatch {
  readonly check: Check;
  nextAt: number;
  failures: number;
}

/** Watches until `signal` aborts. */
export async function watchLiveness(deps: LivenessDeps, signal: AbortSignal): Promise<void> {
  const watches = new Map<string, Watch>();
  const generations = new Map<string, number>();
  const turns = createSemaphore(MAX_AT_ONCE);
  const stopListening = onChange(deps.db, ({ kind, appId }) => {
    if (kind === 'checks-changed') generations.set(appId, (generations.get(appId) ?? 0) + 1);
    if (kind === 'app-destroyed') generations.delete(appId);
  });
  try {
    while (!signal.aborted) {
      try {
        follow(deps, watches, generations);
        askDue(deps, watches, { turns, signal });
      } catch (error) {
        deps.log.warn({ err: error }, 'the dynos could not be looked at; trying again');
      }
      await sleep(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    stopListening();
    for (const { freeze } of watches.values()) freeze?.close();
  }
}

function askDue(
  deps: LivenessDeps,
  watches: ReadonlyMap<string, Watch>,
  { turns, signal }: { turns: Semaphore; signal: AbortSignal },
): void {
  const now = dueNow();
  for (const watch of watches.values()) {
    // Not held up by a check under way: one that asks a stopped dyno waits for its timeout.
    lookAtState(deps, watch, now);
    if (watch.isBusy || watch.frozenLooks > 0 || !isDue(watch, now)) continue;
    watch.isBusy = true;
    turns
      .run(() => look(deps, watch, signal))
      .catch((error: unknown) => {
        if (!signal.aborted) deps.log.warn({ err: error, dyno: dynoName(watch.dyno) }, 'a check broke off');
      })
      .finally(() => {
        watch.isBusy = false;
      });
  }
}

/** Keeps the watches in step with the dynos that are up. */
function follow(
  deps: LivenessDeps,
  watches: Map<string, Watch>,
  generations: ReadonlyMap<string, number>,
): void {
  const present = new Set<string>();
  for (const dyno of deps.allContainers()) {
    const life = deps.lives.get(dyno.containerId);
    if (!dyno.isRunning || life === undefined || life.phase === 'stopping') continue;
    present.add(dyno.containerId);
    const generation = generations.get(dyno.appId) ?? 0;
    if (watches.get(dyno.containerId)?.generation === generation || life.phase !== 'up') continue;
    const app = getApp(deps.db, dyno.appId);
    if (app === undefined) continue;
    const { liveness } = checksOf(deps.db, { ...dyno, app });
    const { random } = deps;
    watches.get(dyno.containerId)?.freeze?.close();
    watches.set(dyno.containerId, newWatch(dyno, liveness.checks, { generation, random }));
  }
  for (const [id, watch] of watches) {
    if (present.has(id)) continue;
    watch.freeze?.close();
    watches.delete(id);
  }
  deps.healthNotes.keepOnly(present);
}

function newWatch(
  dyno: DynoContainer,
  checks: readonly Check[],
  options: { generation: number; random: () => number },
): Watch {
  const now = performance.now();
  return {
    dyno,
    generation: options.generation,
    checks: checks.map((check) => ({
      check,
      nextAt: now + check.initialDelayMs + check.intervalMs * (0.5 + options.random() / 2),
      failures: 0,
    })),
    target: undefined,
    freeze: undefined,
    isBusy: false,
    nextStateAt: now + STATE_INTERVAL_MS * options.random(),
    frozenLooks: 0,
  };
}

/** What is due before the middle of this tick and the next is done now. */
function dueNow(): number {
  return performance.now() + TICK_MS / 2;
}

function isDue(watch: Watch, now: number): boolean {
  const needsTarget = watch.target === undefined && watch.nextStateAt <= now;
  return needsTarget || watch.checks.some((check) => check.nextAt <= now);
}

async function look(deps: LivenessDeps, watch: Watch, signal: AbortSignal): Promise<void> {
  const { containerId } = watch.dyno;
  watch.target ??= await checkTarget({ engine: deps.engine, now: deps.db.now }, containerId).catch(
    () => undefined,
  );
  const { target } = watch;
  const now = dueNow();
  if (target === undefined) {
    watch.nextStateAt = Math.max(watch.nextStateAt, now + STATE_CONFIRM_MS);
    return;
  }
  const due = watch.checks.filter((check) => check.nextAt <= now);
  await Promise.all(due.map((entry) => askOnce(deps, watch, { target, entry, signal })));
}

function lookAtState(deps: LivenessDeps, watch: Watch, now: number): void {
  if (watch.target === undefined || watch.nextStateAt > now) return;
  watch.freeze ??= createFreezeLook(watch.target.pid);
  const frozen = watch.freeze.isFrozen();
  watch.frozenLooks = frozen ? watch.frozenLooks + 1 : 0;
  watch.nextStateAt = now + (frozen ? STATE_CONFIRM_MS : STATE_INTERVAL_MS);
  if (watch.frozenLooks >= 2) condemn(deps, watch.dyno, STOPPED);
}

async function askOnce(
  deps: LivenessDeps,
  watch: Watch,
  { target, entry, signal }: { target: CheckTarget; entry: CheckWatch; signal: AbortSignal },
): Promise<void> {
  const { check } = entry;
  const life = deps.lives.get(watch.dyno.containerId);
  const ofLife = life?.checking.signal ?? signal;
  // Only a command is cut short; a joined signal costs more than asking a port.
  using joined = check.probe.kind === 'command' ? anySignal(signal, ofLife) : undefined;
  const checking = joined?.signal ?? ofLife;
  let result: ProbeResult;
  try {
    result = await probe(target, check, { engine: deps.engine, signal: checking });
  } catch (error) {
    if (checking.aborted || signal.aborted) return;
    throw error;
  } finally {
    entry.nextAt = performance.now() + check.intervalMs;
  }
  if (result.passed === undefined) return;
  if (result.passed) {
    if (entry.failures > 0) deps.healthNotes.clear(watch.dyno.containerId);
    entry.failures = 0;
    return;
  }
  entry.failures += 1;
  await failed(deps, watch, { target, entry, result });
}

async function failed(
  deps: LivenessDeps,
  watch: Watch,
  seen: { target: CheckTarget; entry: CheckWatch; result: Extract<ProbeResult, { passed: false }> },
): Promise<void> {
  const { dyno } = watch;
  const { check, failures } = seen.entry;
  const config = configOfVersion(deps.db, dyno.appId, dyno.releaseVersion);
  const evidence = redactEvidence(await withListening(seen.target, seen.result.evidence), config);
  const asked = describeProbe(check.probe, WEB_PORT);
  deps.healthNotes.note(dyno.containerId, {
    check: asked,
    said: seen.result.said,
    evidence,
    failures: { count: failures, of: check.attempts },
    at: deps.db.now(),
  });
  if (failures !== check.attempts) return;
  const reason = unhealthyReason({ ...check, asked, said: seen.result.said, evidence });
  if (check.onlyWarns) {
    deps.dynoLog.platform(dyno.appId, dynoName(dyno), `Warning: ${reason}`);
    return;
  }
  condemn(deps, dyno, { kind: 'check-failed', reason, evidence: { ...evidence, failures } });
}

function condemn(deps: LivenessDeps, dyno: DynoContainer, verdict: Verdict): void {
  if (getApp(deps.db, dyno.appId) === undefined) return;
  if (deps.lives.condemn(dyno.containerId, verdict)) deps.wake(dyno.appId);
}

/** A container that somebody paused. */
export const PAUSED: Verdict = {
  kind: 'check-failed',
  reason: 'Error (Dyno unhealthy) -> Its container was paused: no process in it can run',
  evidence: { check: 'state', state: 'paused' },
  cannotEndItself: true,
};

const STOPPED: Verdict = {
  kind: 'check-failed',
  reason: 'Error (Dyno unhealthy) -> Its processes were stopped by a signal (SIGSTOP) and cannot run',
  evidence: { check: 'state', state: 'stopped' },
  cannotEndItself: true,
};

/** The line of a failed liveness check. Pure. */
export function unhealthyReason(failure: {
  attempts: number;
  asked: string;
  said: string;
  evidence: Verdict['evidence'];
}): string {
  const { attempts, evidence = {} } = failure;
  const times = attempts === 1 ? '' : `, ${attempts} times in a row`;
  const body = evidence['body'] ?? evidence['output'] ?? '';
  const shown = body === '' ? '' : `; it said ${JSON.stringify(body)}`;
  const sockets = evidence['listening'];
  const port = evidence['port'];
  const isElsewhere = Array.isArray(sockets) && typeof port === 'number' && !listensOn(sockets, port);
  const listening = isElsewhere
    ? `; it listens on ${sockets.length === 0 ? 'no port at all' : `${sockets.join(', ')}, not on 0.0.0.0:${port}`}`
    : '';
  return `Error (Dyno unhealthy) -> Liveness check failed${times}: ${failure.asked}: it ${failure.said}${shown}${listening}`;
}
