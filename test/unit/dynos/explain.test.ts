import { describe, expect, it } from 'vitest';
import type { Dyno } from '../../../src/dynos/dyno.js';
import { meaningOf } from '../../../src/dynos/exit-status.js';
import { type AppFacts, explainApp } from '../../../src/dynos/explain-app.js';
import { type DynoFacts, explainDyno } from '../../../src/dynos/explain-dyno.js';
import { explainOneOff, readToldRun, type ToldRun } from '../../../src/dynos/explain-one-off.js';
import { explainRelease, type ReleaseFacts } from '../../../src/dynos/explain-release.js';
import type { Explanation } from '../../../src/dynos/explanation.js';
import type { AccountId, AppId, BuildId, ReleaseId } from '../../../src/ids.js';
import type { LogLine } from '../../../src/logs/line.js';
import type { Evidence, Incident, IncidentKind } from '../../../src/platform/incidents.js';
import type { Release } from '../../../src/platform/releases.js';

const NOW = 1_000_000;

const incident = (kind: IncidentKind, message: string, evidence: Evidence = {}): Incident => ({
  id: 1,
  kind,
  dyno: 'web.1',
  releaseVersion: 12,
  message,
  evidence,
  at: NOW - 1000,
});

const dyno = (change: Partial<Dyno>): Dyno => ({
  name: 'web.1',
  type: 'web',
  number: 1,
  state: 'up',
  releaseVersion: 12,
  releaseId: undefined,
  command: 'nod server.js',
  size: '512M',
  updatedAt: NOW - 5000,
  containerId: 'c1',
  ip: '10.0.0.2',
  ...change,
});

const facts = (change: Partial<DynoFacts>): DynoFacts => ({
  app: { name: 'shop', maintenance: false },
  name: 'web.1',
  type: 'web',
  dyno: dyno({}),
  quantity: 1,
  hasCode: true,
  note: undefined,
  startupCheck: 'connect to port 5000',
  incident: undefined,
  crashes: 0,
  nowMs: NOW,
  ...change,
});

const crashed = (change: Partial<DynoFacts>, nextTryAt: number | undefined = undefined) =>
  facts({ dyno: dyno({ state: 'crashed', containerId: undefined, nextTryAt }), crashes: 1, ...change });

describe('explainDyno', () => {
  it.each<[string, DynoFacts, string, string | RegExp, string | RegExp | undefined]>([
    ['up', facts({}), 'up', 'It runs v12 and is well', undefined],
    [
      'up after an incident',
      facts({ incident: incident('crashed', 'x') }),
      'up',
      'It runs v12 and is well; it was replaced before',
      undefined,
    ],
    [
      'up behind maintenance',
      facts({ app: { name: 'shop', maintenance: true } }),
      'up',
      'It runs v12 and is well, but maintenance mode keeps requests from it',
      'paas maintenance:off -a shop',
    ],
    [
      'up with a failing check',
      facts({
        note: {
          check: 'GET /health on port 5000',
          said: 'answered 500, not 200-399',
          evidence: { status: 500 },
          failures: { count: 2, of: 3 },
          at: NOW,
        },
      }),
      'up, failing its check',
      'It runs v12, but GET /health on port 5000: it answered 500, not 200-399 (2 of 3 failures in a row)',
      'See what it says: paas logs --dyno web.1 -a shop',
    ],
    [
      'starting without a container',
      facts({ dyno: dyno({ state: 'starting', containerId: undefined }) }),
      'starting',
      'Its container for v12 is about to be made',
      undefined,
    ],
    [
      'starting with a check',
      facts({
        dyno: dyno({ state: 'starting' }),
        note: { check: 'x', said: 'refused the connection', evidence: {}, failures: undefined, at: NOW },
      }),
      'starting',
      'It waits for its startup check: connect to port 5000; so far it refused the connection',
      undefined,
    ],
    [
      'starting without a check',
      facts({ dyno: dyno({ state: 'starting' }), startupCheck: undefined }),
      'starting',
      'Its process begins',
      undefined,
    ],
    [
      'a wrong command',
      crashed(
        { incident: incident('crashed', 'Process exited with status 127', { exit_code: 127 }), crashes: 2 },
        NOW + 1_200_000,
      ),
      'crashed',
      'Its process exited with 127: command not found, 2 times in a row; it is tried again in 20 minutes',
      'Mend the command of web in the Procfile: nod server.js',
    ],
    [
      'a segmentation fault',
      crashed({ incident: incident('crashed', 'Process exited with status 139', { exit_code: 139 }) }),
      'crashed',
      'Its process exited with 139: SIGSEGV, a segmentation fault',
      /paas rollback -a shop/,
    ],
    [
      'an end without an error',
      crashed({ incident: incident('crashed', 'Process exited with status 0', { exit_code: 0 }) }),
      'crashed',
      'Its process exited with 0: it ended by itself, without an error',
      'A dyno must keep running: the command of web ends by itself.',
    ],
    [
      'too little memory',
      crashed({ incident: incident('out-of-memory', 'Error R15 (Memory quota vastly exceeded) -> x.') }),
      'crashed',
      'Error R15 (Memory quota vastly exceeded) -> x',
      'Give it more memory, such as: paas ps:type web=1g -a shop',
    ],
    [
      'a boot timeout on the wrong port',
      crashed({ incident: incident('boot-timeout', 'Error R10 (Boot timeout) -> x', { check: 'port' }) }),
      'crashed',
      'Error R10 (Boot timeout) -> x',
      /0\.0\.0\.0 and the port in \$PORT/,
    ],
    [
      'a boot timeout with a wrong answer',
      crashed({ incident: incident('boot-timeout', 'x', { check: 'http', status: 500 }) }),
      'crashed',
      'x',
      'Make its check pass, or change it: paas checks -a shop',
    ],
    [
      'a failed check',
      crashed({ incident: incident('check-failed', 'Error (Dyno unhealthy) -> x') }),
      'crashed',
      'Error (Dyno unhealthy) -> x',
      'See what it said before: paas logs --dyno web.1 -a shop',
    ],
    ['a crash nobody wrote down', crashed({}), 'crashed', 'It ended by itself', /paas logs --dyno web\.1/],
    [
      'stopped by a user',
      facts({ dyno: dyno({ state: 'down', containerId: undefined }) }),
      'down',
      'A user stopped it with ps:stop',
      'Start it with: paas ps:restart web.1 -a shop',
    ],
    [
      'asleep',
      facts({ dyno: dyno({ state: 'idle', containerId: undefined }) }),
      'asleep',
      /the next request starts them/,
      /ps:autosleep/,
    ],
    [
      'scaled to zero',
      facts({ dyno: undefined, quantity: 0 }),
      'scaled down',
      'web is scaled to zero',
      'Start it with: paas ps:scale web=1 -a shop',
    ],
    [
      'beyond the scale',
      facts({ dyno: undefined, name: 'web.3', quantity: 2 }),
      'scaled down',
      'web is scaled to 2',
      'Start it with: paas ps:scale web=3 -a shop',
    ],
    [
      'of no known type',
      facts({ dyno: undefined, quantity: undefined }),
      'none',
      'The current release has no process type web',
      /Procfile/,
    ],
    ['without code', facts({ dyno: undefined, hasCode: false }), 'none', 'shop has no code yet', /git push/],
  ])('tells of one %s', (_, given, state, cause, nextStep) => {
    const explanation = explainDyno(given);
    expect(explanation.state).toBe(state);
    expect(explanation.cause).toMatch(cause instanceof RegExp ? cause : exactly(cause));
    if (nextStep === undefined) expect(explanation.nextStep).toBeUndefined();
    else expect(explanation.nextStep).toMatch(nextStep instanceof RegExp ? nextStep : exactly(nextStep));
  });

  it('says what an exit status means, and when the next try is', () => {
    const explanation = explainDyno(
      crashed({ incident: incident('crashed', 'x', { exit_code: 137, oom_killed: false }) }, NOW + 60_000),
    );
    expect(explanation).toMatchObject({
      evidence: { exit_code: 137, oom_killed: false, meaning: 'SIGKILL, it was killed' },
      nextTryAt: NOW + 60_000,
      since: NOW - 5000,
    });
  });
});

describe('meaningOf', () => {
  it.each([
    [0, 'it ended by itself, without an error'],
    [127, 'command not found'],
    [139, 'SIGSEGV, a segmentation fault'],
    [143, 'SIGTERM, it was told to end'],
    [3, 'a status of its own'],
    [255, 'a status of its own'],
  ])('%d', (code, text) => {
    expect(meaningOf(code)).toBe(text);
  });
});

const release = (change: Partial<Release>): Release => ({
  id: 'r' as ReleaseId,
  appId: 'a' as AppId,
  version: 12,
  description: 'Deploy abc',
  status: 'succeeded',
  image: 'sha256:1',
  commit: undefined,
  buildId: undefined,
  processTypes: { web: 'x', release: 'migrate' },
  stack: 's',
  buildpacks: [],
  accountId: 'u' as AccountId,
  accountEmail: 'dev@example.com',
  createdAt: 1,
  updatedAt: 2,
  current: true,
  output: undefined,
  builtOn: undefined,
  undoneBy: undefined,
  ...change,
});

const ofRelease = (change: Partial<ReleaseFacts>): ReleaseFacts => ({
  app: { name: 'shop' },
  release: release({}),
  current: release({}),
  incident: undefined,
  rolledBack: undefined,
  undoes: undefined,
  waitsFor: undefined,
  dynos: { wanted: 2, up: 2, asleep: 0 },
  unwell: [],
  ...change,
});

const unwell = explainDyno(crashed({ incident: incident('crashed', 'x', { exit_code: 1 }) }));

describe('explainRelease', () => {
  it.each<[string, ReleaseFacts, string, string]>([
    ['current', ofRelease({}), 'current', 'It runs: 2 of 2 dynos are up'],
    [
      'an automatic rollback',
      ofRelease({ undoes: 11 }),
      'current',
      'It runs: 2 of 2 dynos are up; it took the place of v11, which was rolled back automatically',
    ],
    [
      'going live',
      ofRelease({ dynos: { wanted: 2, up: 1, asleep: 0 } }),
      'current, going live',
      'It goes live: 1 of 2 dynos run it, the other still runs an older release',
    ],
    [
      'going live at first',
      ofRelease({ dynos: { wanted: 3, up: 0, asleep: 0 } }),
      'current, going live',
      'It goes live: 0 of 3 dynos run it, the others still run an older release',
    ],
    [
      'asleep',
      ofRelease({ dynos: { wanted: 2, up: 1, asleep: 1 } }),
      'current',
      'It runs: 1 of 2 dynos are up, the other is asleep',
    ],
    [
      'all asleep',
      ofRelease({ dynos: { wanted: 2, up: 0, asleep: 2 } }),
      'current',
      'It is asleep; the next request starts it',
    ],
    [
      'scaled to zero',
      ofRelease({ dynos: { wanted: 0, up: 0, asleep: 0 } }),
      'current',
      'It is current, and scaled to zero',
    ],
    [
      'partly up',
      ofRelease({ dynos: { wanted: 2, up: 1, asleep: 0 }, unwell: [unwell] }),
      'current, partly up',
      '1 of 2 dynos are up; web.1 is crashed: Its process exited with 1: it reported an error',
    ],
    [
      'not up',
      ofRelease({ dynos: { wanted: 1, up: 0, asleep: 0 }, unwell: [unwell] }),
      'current, not up',
      '0 of 1 dynos are up; web.1 is crashed: Its process exited with 1: it reported an error',
    ],
    [
      'superseded',
      ofRelease({ current: release({ version: 13, description: 'Rollback to v11' }) }),
      'superseded',
      'v13 took its place (Rollback to v11)',
    ],
    [
      'rolled back',
      ofRelease({
        current: release({ version: 13 }),
        rolledBack: incident('rolled-back', 'Rolled back to v11: web.1 crashed 3 times.'),
      }),
      'rolled back',
      'Rolled back to v11: web.1 crashed 3 times',
    ],
    [
      'pending',
      ofRelease({ release: release({ status: 'pending' }) }),
      'pending',
      'Its release command runs: migrate',
    ],
    [
      'pending behind another',
      ofRelease({ release: release({ status: 'pending' }), waitsFor: 11 }),
      'pending',
      'It waits for the release command of v11',
    ],
    [
      'failed',
      ofRelease({ release: release({ status: 'failed' }), current: release({ version: 11 }) }),
      'failed',
      'Its release command failed, so it never ran; v11 goes on',
    ],
    [
      'expired',
      ofRelease({ release: release({ status: 'expired' }) }),
      'expired',
      'Its image is not kept any more, so nothing can go back to it',
    ],
    [
      'without code',
      ofRelease({ release: release({ version: 1, image: undefined }), current: release({ version: 1 }) }),
      'current',
      'It has no code yet',
    ],
  ])('tells of one that is %s', (_, given, state, cause) => {
    expect(explainRelease(given)).toMatchObject({ subject: `v${given.release.version}`, state, cause });
  });
});

describe('explainApp', () => {
  const up = explainDyno(facts({}));
  const asleep = explainDyno(facts({ dyno: dyno({ state: 'idle', containerId: undefined }) }));
  const current = explainRelease(ofRelease({}));
  const failed: AppFacts['build'] = {
    id: 'b1' as BuildId,
    status: 'failed',
    error: 'npm ci failed',
    createdAt: 50,
    finishedAt: 52,
  };
  const of = (dynos: Explanation[], change = {}) =>
    explainApp({
      app: { name: 'shop', maintenance: false },
      release: current,
      dynos,
      build: undefined,
      releasedAt: 1,
      incident: undefined,
      ...change,
    });

  it.each<[string, Explanation, string, string]>([
    ['well', of([up, up]), 'up', 'It runs: 2 of 2 dynos are up'],
    ['partly up', of([up, unwell]), 'partly up', '1 of 2 dynos are not well; web.1 is crashed: Its process'],
    ['down', of([unwell]), 'not up', '1 of 1 dynos are not well'],
    ['asleep', of([asleep]), 'asleep', 'It runs'],
    ['not running', of([]), 'not running', 'It runs'],
    ['built in vain', of([up], { build: failed }), 'up, newest build failed', 'npm ci failed'],
    ['built in vain before', of([up], { build: failed, releasedAt: 99 }), 'up', 'It runs: 2 of 2'],
    ['both', of([unwell], { build: failed }), 'not up', 'its newest build failed: npm ci failed'],
    [
      'in maintenance',
      of([up], { app: { name: 'shop', maintenance: true } }),
      'maintenance',
      'Maintenance mode answers every visitor',
    ],
  ])('tells of one that is %s', (_, explanation, state, cause) => {
    expect(explanation.state).toBe(state);
    expect(explanation.cause).toContain(cause);
  });
});

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`);
}

describe('explainOneOff', () => {
  const lines = (...texts: string[]): LogLine[] =>
    texts.map((text, index) => ({
      seq: index,
      timestampUs: (index + 1) * 30_000_000,
      source: 'heroku',
      process: 'run.1234',
      text,
    }));
  const start = 'Starting process with command `bin/migrate`';
  const up = 'State changed from starting to up';
  const exited = (status: number) => `Process exited with status ${status}`;
  const explain = (told: ToldRun | undefined, change: Partial<Parameters<typeof explainOneOff>[0]> = {}) =>
    explainOneOff({
      app: { name: 'shop' },
      name: 'run.1234',
      dyno: undefined,
      told: told ?? {},
      hasOutput: true,
      ...change,
    });
  const oneOff = (state: Dyno['state']) => dyno({ name: 'run.1234', type: 'run', number: 1234, state });

  it('says what runs, and how to end it', () => {
    expect(explain(readToldRun(lines(start, up)), { dyno: oneOff('up') })).toMatchObject({
      state: 'up',
      cause: 'A one-off dyno of v12: it runs until its command ends',
      since: NOW - 5000,
      evidence: { command: 'bin/migrate', release: 'v12', size: '512M' },
      nextStep: 'To end it: paas ps:stop run.1234 -a shop',
    });
    expect(explain({}, { dyno: oneOff('starting') }).state).toBe('starting');
  });

  it('says how it ended, from the last run of that name', () => {
    const again = readToldRun(
      lines(start, up, exited(0), start, up, exited(3), 'State changed from up to complete'),
    );
    expect(explain(again)).toMatchObject({
      state: 'ended',
      cause: 'Its process exited with 3 after 60 seconds: a status of its own',
      since: 180_000,
      evidence: { command: 'bin/migrate', exit_code: 3, ran_ms: 60_000 },
      nextStep: 'See what it said: paas logs --dyno run.1234 -a shop',
    });
    const fine = explain(readToldRun(lines(start, up, exited(0))));
    expect(fine).toMatchObject({ state: 'complete', nextStep: undefined });
    expect(fine.cause).toBe('Its command ended by itself, without an error after 60 seconds');
    const killed = readToldRun(
      lines(start, up, 'Error R15 (Memory quota vastly exceeded) -> x', exited(137)),
    );
    expect(explain(killed)).toMatchObject({
      cause: expect.stringContaining('Error R15'),
      nextStep: 'Give it more memory, such as: paas run --size 1g',
    });
  });

  it('says what is known when its end is not', () => {
    const unknown = explain(readToldRun(lines(start, up)), { hasOutput: false });
    expect(unknown).toMatchObject({ state: 'ended', since: 30_000, evidence: { command: 'bin/migrate' } });
    expect(unknown.cause).toContain('how it ended is not known');
    expect(unknown.nextStep).toContain('goes to its terminal only');
    // Retention took its beginning; a command of several lines is cut at its first.
    expect(readToldRun(lines(up, exited(1)))).toMatchObject({ command: undefined, exitCode: 1 });
    expect(readToldRun(lines('Starting process with command `a', 'b`', exited(1)))).toMatchObject({
      command: 'a',
      exitCode: 1,
    });
    expect(readToldRun([])).toBeUndefined();
  });
});
