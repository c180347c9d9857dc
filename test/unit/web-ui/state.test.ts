import { describe, expect, test } from 'vitest';
import type { Build, Release } from '../../../web-ui/src/api/types.js';
import { count, countInWords } from '../../../web-ui/src/format/count.js';
import { clockPart, duration, timeAgo } from '../../../web-ui/src/format/time.js';
import { parseRoute } from '../../../web-ui/src/routes.js';
import { appStatus } from '../../../web-ui/src/state/app-state.js';
import { configChanges } from '../../../web-ui/src/state/config-diff.js';
import { draftRows, keyProblem, parseEnvLines, withEdit } from '../../../web-ui/src/state/config-draft.js';
import { scalingText } from '../../../web-ui/src/state/scaling-text.js';
import { commitOf, timeline } from '../../../web-ui/src/state/timeline.js';

const second = 1000;
const hour = 3600 * second;

describe('time', () => {
  const now = Date.parse('2026-01-31T12:00:00Z');
  test.each([
    [-1, 'just now'],
    [4 * second, 'just now'],
    [40 * second, '40 s ago'],
    [5 * 60 * second, '5 min ago'],
    [3.9 * hour, '3 h ago'],
    [50 * hour, '2 d ago'],
  ])('%d ms ago: %s', (age, text) => expect(timeAgo(new Date(now - age).toISOString(), now)).toBe(text));

  test.each([
    [Number.NaN, '0 s'],
    [-5, '0 s'],
    [59_999, '59 s'],
    [12 * 60 * second, '12 min'],
    [3 * hour + 12 * 60 * second, '3 h 12 min'],
    [24 * hour, '1 d'],
    [98 * hour, '4 d 2 h'],
  ])('%d ms last %s', (ms, text) => expect(duration(ms)).toBe(text));

  test('an unreadable time is left out', () => {
    expect(timeAgo('never', now)).toBe('');
    expect(clockPart('')).toBe('');
    expect(clockPart('2010-09-16T15:13:46.677020+00:00')).toBe('15:13:46');
  });

  test('counts', () => {
    expect([
      count(1, 'line'),
      count(12_000, 'line'),
      countInWords(3, 'app'),
      countInWords(12, 'app'),
    ]).toEqual(['1 line', '12,000 lines', 'Three apps', '12 apps']);
  });
});

test.each([
  [{}, ''],
  [{ autosleep: null, autoscale: null }, ''],
  [{ autosleep: { after_seconds: 1800, asleep_since: null } }, 'sleeps after 30 min without a request'],
  [{ autosleep: { after_seconds: 90, asleep_since: 'x' } }, 'asleep: the next request starts it'],
  [{ autoscale: { min: 1, max: 5, metric: 'p95', target: 500 } }, '1 to 5 dynos, p95 500 ms'],
])('scaling %j', (entry, text) => expect(scalingText(entry)).toBe(text));

describe('appStatus', () => {
  const slug = { id: 's' };
  const web = (state: string) => ({ type: 'web', state });
  const released = { status: 'succeeded', slug, version: 2 };
  const base = { app: { maintenance: false }, dynos: [web('up')], releases: [released], builds: [] };
  test.each([
    ['up', {}],
    ['up', { dynos: [web('up'), { type: 'run', state: 'crashed' }] }],
    ['starting', { dynos: [web('up'), web('starting')] }],
    ['stopped', { dynos: [web('idle'), web('idle')] }],
    ['up', { dynos: [web('idle'), { type: 'worker', state: 'up' }] }],
    ['crashed', { dynos: [web('up'), web('crashed')] }],
    ['stopped', { dynos: [] }],
    ['blank', { dynos: [], releases: [{ status: 'succeeded', slug: null, version: 1 }] }],
    ['deploying', { builds: [{ status: 'pending' }] }],
    ['deploying', { builds: [{ status: 'queued' }] }],
    ['deploying', { releases: [{ status: 'pending', slug, version: 3 }] }],
    ['maintenance', { app: { maintenance: true }, dynos: [web('crashed')] }],
  ])('%s: %o', (name, facts) => expect(appStatus({ ...base, ...facts }).name).toBe(name));

  test('says how many dynos have crashed', () => {
    expect(appStatus({ ...base, dynos: [web('up'), web('crashed')] }).detail).toBe('1 of 2 dynos crashed');
  });
});

describe('config vars', () => {
  const saved = { A: '1', B: '2' };
  test('edits make rows, and an edit that changes nothing is none', () => {
    let edits = withEdit(saved, {}, 'A', 'x');
    edits = withEdit(saved, edits, 'B', null);
    edits = withEdit(saved, edits, 'C', '');
    expect(draftRows(saved, edits)).toEqual([
      { key: 'A', value: 'x', change: 'changed' },
      { key: 'B', value: '2', change: 'removed' },
      { key: 'C', value: '', change: 'added' },
    ]);
    edits = withEdit(saved, withEdit(saved, edits, 'A', '1'), 'C', null);
    expect(edits).toEqual({ B: null });
  });

  test('lines of a .env file', () => {
    const text = '# a comment\nexport A=1\nB="two words"\n\nC=\'x=y\'\nD=a=b\r\nE=\nnot a line\nF="a\\nb"';
    expect(parseEnvLines(text)).toEqual({ A: '1', B: 'two words', C: 'x=y', D: 'a=b', E: '', F: 'a\nb' });
  });

  test('names', () => {
    expect([keyProblem('A_1'), keyProblem(''), keyProblem('1A')].map(Boolean)).toEqual([false, true, true]);
  });

  test('what a rollback does to them', () => {
    expect(configChanges({ A: '1', B: '2', C: '3' }, { A: '1', B: 'x', D: '4' })).toEqual([
      { key: 'B', kind: 'changed' },
      { key: 'C', kind: 'removed' },
      { key: 'D', kind: 'added' },
    ]);
  });
});

describe('timeline', () => {
  const user = { email: 'a@example.com' };
  const release = (version: number, description = 'Deploy 1a2b3c4d'): Release => ({
    id: `r${version}`,
    version,
    description,
    status: 'succeeded',
    current: false,
    eligible_for_rollback: true,
    created_at: `2026-01-0${version}T00:00:00Z`,
    user,
    slug: null,
    output_stream_url: null,
    undone_by: null,
  });
  const build = (id: string, day: number, releaseId?: string): Build => ({
    id,
    status: 'succeeded',
    created_at: `2026-01-0${day}T00:00:00Z`,
    updated_at: '',
    output_stream_url: '',
    release: releaseId ? { id: releaseId } : null,
    source_blob: { version: 'a'.repeat(40) },
    user,
  });

  test('joins a release with its build and shows builds that made none', () => {
    const moments = timeline(
      [release(5), release(3)],
      [build('lost', 4), build('old', 1), build('made', 3, 'r3')],
    );
    expect(
      moments.map((moment) => (moment.kind === 'release' ? `v${moment.release.version}` : moment.build.id)),
    ).toEqual(['v5', 'lost', 'v3']);
    expect(moments.at(-1)?.build?.id).toBe('made');
  });

  test('knows the commit from the build or the description', () => {
    expect(commitOf(release(1), build('b', 1))).toBe('aaaaaaaa');
    expect(commitOf(release(1))).toBe('1a2b3c4d');
    expect(commitOf(release(1, 'Set A config vars'))).toBeUndefined();
  });
});

test.each([
  ['/', { page: 'apps' }],
  ['/dashboard', { page: 'apps' }],
  ['/dashboard/apps', { page: 'apps' }],
  ['/dashboard/apps/shop', { page: 'app', app: 'shop', tab: 'overview' }],
  ['/dashboard/apps/shop/logs', { page: 'app', app: 'shop', tab: 'logs' }],
  ['/dashboard/apps/shop/builds/b1', { page: 'build', app: 'shop', build: 'b1' }],
  ['/dashboard/apps/shop/dynos/run.12', { page: 'dyno', app: 'shop', dyno: 'run.12' }],
  ['/dashboard/apps/shop/nothing', { page: 'missing' }],
  ['/dashboard/apps/shop/logs/more', { page: 'missing' }],
  ['/elsewhere', { page: 'missing' }],
  ['/dashboard/apps/%E0%A4%A', { page: 'app', app: '%E0%A4%A', tab: 'overview' }],
])('route of %s', (path, route) => expect(parseRoute(path)).toEqual(route));
