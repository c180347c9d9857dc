// The startup checks of a dyno: tried again and again until all pass or the time is over.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engine/engine.js';
import { type Check, describeProbe } from '../platform/check.js';
import type { CheckSource } from '../platform/checks.js';
import type { Evidence } from '../platform/incidents.js';
import type { CheckTarget } from './check-target.js';
import { type ProbeResult, probe } from './probe.js';
import { WEB_PORT } from './routing.js';

export interface FailedCheck {
  readonly passed: false;
  readonly check: Check;
  /** Goes after "it". */
  readonly said: string;
  readonly evidence: Evidence;
}

export type StartupResult = { readonly passed: true; readonly warnings: readonly string[] } | FailedCheck;

interface StartupOptions {
  readonly engine: Pick<Engine, 'runInContainer'>;
  readonly limitMs: number;
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

/** The time that a dyno gets: the boot timeout, or more where its checks ask for more. */
export function startupLimitMs(options: {
  bootTimeoutMs: number;
  source: CheckSource;
  checks: readonly Check[];
}): number {
  if (options.source === 'default' || options.source === 'health_path') return options.bootTimeoutMs;
  const asked = options.checks.map(({ probe: asks, initialDelayMs, attempts, intervalMs }) => {
    const uptimeMs = asks.kind === 'uptime' ? asks.seconds * 1000 : 0;
    return initialDelayMs + uptimeMs + attempts * intervalMs;
  });
  return Math.max(options.bootTimeoutMs, ...asked);
}

/** Waits until each check has passed once. Rejects when `signal` aborts. */
export async function passStartup(
  target: CheckTarget,
  checks: readonly Check[],
  options: StartupOptions,
): Promise<StartupResult> {
  // One that fails for good does not keep the others waiting.
  const given = new AbortController();
  const signal = AbortSignal.any([options.signal, given.signal]);
  const results = checks.map(async (check) => {
    const result = await passOne(target, check, { ...options, signal });
    if (!result.passed && !check.onlyWarns) given.abort();
    return result;
  });
  const settled = await Promise.allSettled(results);
  options.signal.throwIfAborted();
  const done = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failure = done.find((result) => !result.passed && !result.check.onlyWarns);
  if (failure !== undefined && !failure.passed) return failure;
  const warnings = done.flatMap((result) =>
    result.passed ? [] : [`${describeProbe(result.check.probe, WEB_PORT)}: it ${result.said}`],
  );
  return { passed: true, warnings };
}

async function passOne(target: CheckTarget, check: Check, options: StartupOptions): Promise<StartupResult> {
  const { signal } = options;
  const startedAt = performance.now();
  const deadline = startedAt + options.limitMs;
  if (check.initialDelayMs > 0) await sleep(check.initialDelayMs, undefined, { signal });
  for (let tries = 1; ; tries += 1) {
    const result = await probe(target, check, options);
    signal.throwIfAborted();
    if (result.passed) return { passed: true, warnings: [] };
    const waitMs = Math.min(check.intervalMs, pauseOf(check, performance.now() - startedAt));
    const failure = failureOf(check, result);
    options.onFailure(failure);
    const isEnough = check.onlyWarns && tries >= check.attempts;
    if (isEnough || performance.now() + waitMs >= deadline) return failure;
    await sleep(waitMs, undefined, { signal });
  }
}

function failureOf(check: Check, result: ProbeResult): FailedCheck {
  if (result.passed === false) return { ...result, check };
  return { passed: false, check, said: 'could not be asked', evidence: {} };
}

function pauseOf({ probe: { kind } }: Check, elapsedMs: number): number {
  if (kind === 'command') return COMMAND_MS;
  if (kind === 'http') return elapsedMs < FIRST_MS ? FIRST_HTTP_MS : HTTP_MS;
  return Math.min(PORT_MS.most, Math.max(PORT_MS.least, elapsedMs * PORT_MS.share));
}
