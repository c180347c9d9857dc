// Whether a release that was made a moment ago does worse than the one before it. Pure.

import type { DynoCrashes } from '../platform/dyno-wishes.js';
import type { Incident } from '../platform/incidents.js';
import type { Before, ReleaseWatch, Traffic } from '../platform/release-watches.js';
import { isRollbackTarget, type Release } from '../platform/releases.js';
import { formatSize } from '../platform/sizes.js';
import { dynoName } from './dyno.js';

/** What is known of a release in its window. */
export interface ReleaseEvidence {
  readonly nowMs: number;
  readonly windowMs: number;
  /** When all its dynos were up for the first time; until then the window has not begun. */
  readonly liveAt: number | undefined;
  /** Crashes in a row of its dynos. */
  readonly crashes: readonly Pick<DynoCrashes, 'type' | 'number' | 'count' | 'reason'>[];
  /** What happened to its dynos, newest first. */
  readonly incidents: readonly Pick<Incident, 'kind' | 'dyno' | 'evidence'>[];
  readonly traffic: Traffic;
  readonly before: Before;
}

export type ReleaseJudgement =
  | { readonly kind: 'watch' }
  | { readonly kind: 'passed' }
  /** `reason` such as `web.1 crashed twice (exit status 1)`. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Fewer requests than these prove nothing. */
export const MIN_REQUESTS = 50;
const MIN_ERROR_SHARE = 0.05;
const MIN_FACTOR = 3;
/** Of a release before it nothing is known: only a share that nobody could want counts. */
const ERROR_SHARE_ALONE = 0.5;
const CRASHES = 2;

export function judgeRelease(evidence: ReleaseEvidence): ReleaseJudgement {
  const reason = failedDyno(evidence) ?? crashedDyno(evidence) ?? failedRequests(evidence);
  if (reason !== undefined) return { kind: 'failed', reason };
  const { liveAt, nowMs, windowMs } = evidence;
  // Either way: the clock may have been set back, and no window lasts until it has caught up.
  const isOver = liveAt !== undefined && Math.abs(nowMs - liveAt) >= windowMs;
  return { kind: isOver ? 'passed' : 'watch' };
}

/**
 * The releases to go back to, best first: those before `version` that were live, can run, and were not themselves left
 * by an automatic rollback. Both lists newest first.
 */
export function rollbackTargets(
  releases: readonly Release[],
  watches: readonly ReleaseWatch[],
  version: number,
): Release[] {
  const proven = new Set(
    watches
      .filter(({ liveAt, outcome }) => liveAt !== undefined && outcome !== 'rolled-back')
      .map((watch) => watch.version),
  );
  return releases.filter(
    (release) => release.version < version && proven.has(release.version) && isRollbackTarget(release),
  );
}

/** What is proof at its first time: a failed check, a boot time-out, an end at the memory limit. */
function failedDyno({ incidents, before }: ReleaseEvidence): string | undefined {
  for (const { kind, dyno, evidence } of incidents) {
    if (dyno === undefined || before.crashing.includes(typeOf(dyno))) continue;
    if (kind === 'boot-timeout') return `${dyno} did not boot in time`;
    if (kind === 'check-failed') return `${dyno} failed its health check`;
    // Without an exit code it was a child, and the dyno goes on.
    if (kind === 'out-of-memory' && evidence['exit_code'] !== undefined) {
      const limit = Number(evidence['memory_bytes']);
      return `${dyno} ran out of memory${limit > 0 ? ` (limit ${formatSize(limit)})` : ''}`;
    }
  }
  return undefined;
}

function crashedDyno({ crashes, before }: ReleaseEvidence): string | undefined {
  const crash = crashes.find(({ type, count }) => count >= CRASHES && !before.crashing.includes(type));
  if (crash === undefined) return undefined;
  const times = crash.count === 2 ? 'twice' : `${crash.count} times`;
  const status = /^Process exited with status (\d+)$/.exec(crash.reason)?.[1];
  return `${dynoName(crash)} crashed ${times} (${status === undefined ? crash.reason : `exit status ${status}`})`;
}

function failedRequests({ traffic, before }: ReleaseEvidence): string | undefined {
  if (traffic.requests < MIN_REQUESTS) return undefined;
  const share = traffic.errors / traffic.requests;
  const isKnown = before.traffic.requests >= MIN_REQUESTS;
  const shareBefore = isKnown ? before.traffic.errors / before.traffic.requests : 0;
  const isWorse = isKnown
    ? share >= MIN_ERROR_SHARE && share >= MIN_FACTOR * shareBefore
    : share >= ERROR_SHARE_ALONE;
  if (!isWorse) return undefined;
  const known = isKnown ? `, ${percent(shareBefore)} before` : '';
  return `${traffic.errors} of ${traffic.requests} requests failed with 5xx (${percent(share)}${known})`;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function typeOf(dyno: string): string {
  return dyno.slice(0, dyno.lastIndexOf('.'));
}
