// The startup checks of a dyno: tried again and again until all pass or the time is over.

import { setTimeout as sleep } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import type { Engine } from '../engine/engine.js';
import { type Check, describeProbe, startupLimitMs } from '../platform/check.js';
import type { Evidence } from '../platform/incidents.js';
import type { CheckTarget } from './check-target.js';
import { type ProbeResult, probe } from './probe.js';
import { WEB_PORT } from './routing.js';

export interface FailedCheck {
  readonly passed: false;
  readonly check: Check;
  /** How long it had, in ms. */
  readonly limitMs: number;
  /** Goes after "it". */
  readonly said: string;
  readonly evidence: Evidence;
}

export type StartupResult = { readonly passed: true; readonly warnings: readonly string[] } | FailedCheck;

interface StartupOptions {
  readonly engine: Pick<Engine, 'runInContainer'>;
  readonly bootTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Told of each try that failed. */
  readonly onFailure: (failure: FailedCheck) => void;
}

// A port is asked after a twentieth of the time that the boot took so far: dynos that boot slowly, because many boot at
// once, are not slowed down by the questions. What costs the app something is asked less often.
const PORT_MS = { least: 10, most: 100, share: 0.05 };
const FIRST_HTTP_MS = 50;
const HTTP_MS = 250;
const FIRST_MS = 3000;
const COMMAND_MS = 1000;

/** Waits until each check has passed once, or one has failed for good. Rejects when `signal` aborts. */
export async function passStartup(
  target: CheckTarget,
  checks: readonly Check[],
  options: StartupOptions,
): Promise<StartupResult> {
  const given = new AbortController();
  using either = anySignal(options.signal, given.signal);
  const { signal } = either;
  const result = await new Promise<StartupResult>((resolve, reject) => {
    const results = checks.map(async (check) => {
      const one = await passOne(target, check, { ...options, signal });
      // Not held up by the others: a try of theirs may take its timeout.
      if (!one.passed && !check.onlyWarns) resolve(one);
      return one;
    });
    Promise.all(results).then((all) => resolve({ passed: true, warnings: all.flatMap(warningOf) }), reject);
  }).finally(() => given.abort());
  options.signal.throwIfAborted();
  return result;
}

function warningOf(result: StartupResult): string[] {
  return result.passed ? [] : [`${describeProbe(result.check.probe, WEB_PORT)}: it ${result.said}`];
}

// The last try begins when the time is over, and may take its timeout.
async function passOne(target: CheckTarget, check: Check, options: StartupOptions): Promise<StartupResult> {
  const { signal } = options;
  const limitMs = startupLimitMs(check, options.bootTimeoutMs);
  const startedAt = performance.now();
  if (check.initialDelayMs > 0) await sleep(check.initialDelayMs, undefined, { signal });
  for (;;) {
    const result = await probe(target, check, options);
    signal.throwIfAborted();
    if (result.passed) return { passed: true, warnings: [] };
    const failure = failureOf(check, limitMs, result);
    options.onFailure(failure);
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs >= limitMs) return failure;
    const waitMs = Math.min(check.intervalMs, pauseOf(check, elapsedMs), limitMs - elapsedMs);
    await sleep(waitMs, undefined, { signal });
  }
}

function failureOf(check: Check, limitMs: number, result: ProbeResult): FailedCheck {
  if (result.passed === false) return { ...result, check, limitMs };
  return { passed: false, check, limitMs, said: 'could not be asked', evidence: {} };
}

function pauseOf({ probe: { kind } }: Check, elapsedMs: number): number {
  if (kind === 'command') return COMMAND_MS;
  if (kind === 'http') return elapsedMs < FIRST_MS ? FIRST_HTTP_MS : HTTP_MS;
  return Math.min(PORT_MS.most, Math.max(PORT_MS.least, elapsedMs * PORT_MS.share));
}
