import { describe, expect, it } from 'vitest';
import { judgeRelease, type ReleaseEvidence, rollbackTargets } from '../../../src/dynos/judge-release.js';
import type { ReleaseWatch } from '../../../src/platform/release-watches.js';
import type { Release } from '../../../src/platform/releases.js';

const QUIET: ReleaseEvidence = {
  nowMs: 1_000_000,
  windowMs: 120_000,
  liveAt: 950_000,
  crashes: [],
  incidents: [],
  traffic: { requests: 0, errors: 0 },
  before: { traffic: { requests: 0, errors: 0 }, crashing: [] },
};

const crash = (type: string, count: number, reason = 'Process exited with status 1') => ({
  type,
  number: 1,
  count,
  reason,
});
const incident = (kind: ReleaseEvidence['incidents'][number]['kind'], evidence = {}) => ({
  kind,
  dyno: 'web.1',
  evidence,
});
const traffic = (requests: number, errors: number) => ({ requests, errors });
const known = (requests: number, errors: number) => ({ traffic: traffic(requests, errors), crashing: [] });

describe('a release in its window', () => {
  it.each<[string, Partial<ReleaseEvidence>, string]>([
    ['nothing happens', {}, 'watch'],
    ['the window is over', { liveAt: 880_000 }, 'passed'],
    ['the clock was set back by more than the window', { liveAt: 2_000_000 }, 'passed'],
    ['the clock was set back a little', { liveAt: 1_001_000 }, 'watch'],
    ['it was never live, however long', { liveAt: undefined }, 'watch'],
    ['one crash', { crashes: [crash('web', 1)] }, 'watch'],
    ['two crashes', { crashes: [crash('web', 2)] }, 'web.1 crashed twice (exit status 1)'],
    [
      'three crashes for another reason',
      { crashes: [crash('worker', 3, 'Could not start: no')] },
      'worker.1 crashed 3 times (Could not start: no)',
    ],
    [
      'a type that kept crashing before',
      { crashes: [crash('worker', 2)], before: { traffic: traffic(0, 0), crashing: ['worker'] } },
      'watch',
    ],
    [
      'crashes, noticed after the window',
      { liveAt: 880_000, crashes: [crash('web', 2)] },
      'web.1 crashed twice (exit status 1)',
    ],
    ['a boot time-out', { incidents: [incident('boot-timeout')] }, 'web.1 did not boot in time'],
    ['a failed check', { incidents: [incident('check-failed')] }, 'web.1 failed its health check'],
    [
      'a main process out of memory',
      { incidents: [incident('out-of-memory', { exit_code: 137, memory_bytes: 64 * 1024 ** 2 })] },
      'web.1 ran out of memory (limit 64M)',
    ],
    [
      'a child out of memory, the dyno goes on',
      { incidents: [incident('out-of-memory', { process: 'child' })] },
      'watch',
    ],
    ['one crash as incident', { incidents: [incident('crashed')] }, 'watch'],
    ['49 requests, all failed', { traffic: traffic(49, 49), before: known(100, 0) }, 'watch'],
    [
      'one in ten fails, none did',
      { traffic: traffic(100, 10), before: known(1000, 0) },
      '10 of 100 requests failed with 5xx (10 %, 0 % before)',
    ],
    ['4.9 %, none did', { traffic: traffic(1000, 49), before: known(1000, 0) }, 'watch'],
    ['6 %, 3 % before', { traffic: traffic(100, 6), before: known(100, 3) }, 'watch'],
    [
      '9 %, 3 % before',
      { traffic: traffic(100, 9), before: known(100, 3) },
      '9 of 100 requests failed with 5xx (9 %, 3 % before)',
    ],
    ['40 %, nothing known before', { traffic: traffic(100, 40), before: known(10, 0) }, 'watch'],
    [
      '60 %, nothing known before',
      { traffic: traffic(100, 60), before: known(10, 0) },
      '60 of 100 requests failed with 5xx (60 %)',
    ],
    ['all fail, all did', { traffic: traffic(100, 100), before: known(100, 100) }, 'watch'],
  ])('%s', (_, evidence, expected) => {
    const judgement = judgeRelease({ ...QUIET, ...evidence });
    expect(judgement.kind === 'failed' ? judgement.reason : judgement.kind).toBe(expected);
  });
});

describe('the release to go back to', () => {
  const release = (version: number, more: Partial<Release> = {}) =>
    ({ version, status: 'succeeded', image: 'sha256:1', ...more }) as Release;
  const watch = (version: number, more: Partial<ReleaseWatch> = {}) =>
    ({ version, liveAt: 1, outcome: 'passed', ...more }) as ReleaseWatch;

  it.each<[string, Release[], ReleaseWatch[], number | undefined]>([
    ['the one before', [release(4), release(3), release(2)], [watch(4), watch(3), watch(2)], 3],
    [
      'not one that never ran',
      [release(4), release(3), release(2)],
      [watch(3, { liveAt: undefined }), watch(2)],
      2,
    ],
    [
      'not one that was rolled back',
      [release(4), release(3), release(2)],
      [watch(3, { outcome: 'rolled-back' }), watch(2)],
      2,
    ],
    [
      'not one without image',
      [release(4), release(3, { status: 'expired' }), release(2)],
      [watch(3), watch(2)],
      2,
    ],
    ['one that is still watched', [release(4), release(3)], [watch(3, { outcome: undefined })], 3],
    ['none', [release(4), release(1, { image: undefined })], [watch(4), watch(1)], undefined],
  ])('%s', (_, releases, watches, version) => {
    expect(rollbackTargets(releases, watches, 4)[0]?.version).toBe(version);
  });
});
