import { describe, expect, it } from 'vitest';
import type { ApiCheck, ApiWhy } from '../../../src/cli/api-types.js';
import { formatCheckRuns, formatChecks, parseHeader, parseSeconds } from '../../../src/cli/checks.js';
import { formatOverview, formatWhy, whyQuery } from '../../../src/cli/why.js';

describe('parseSeconds', () => {
  it.each([
    ['10s', 10],
    ['10', 10],
    ['500ms', 0.5],
    ['2m', 120],
    ['1h', 3600],
    ['1.5s', 1.5],
  ])('reads %s', (text, seconds) => {
    expect(parseSeconds('interval', text)).toBe(seconds);
  });

  it.each(['', 's', '-1s', '1d', '1 s', '10s\n', 'NaN'])('refuses %j', (text) => {
    expect(() => parseSeconds('interval', text)).toThrow('--interval must be a time such as 10s');
  });
});

describe('parseHeader', () => {
  it('splits at the first colon', () => {
    expect(parseHeader('Authorization: Basic a:b')).toEqual({ name: 'Authorization', value: 'Basic a:b' });
    expect(() => parseHeader('nothing')).toThrow('--header must be of the form');
  });
});

describe('formatCheckRuns', () => {
  it('is a line each, with the evidence of what failed', () => {
    const run = { dyno: 'web.1', phase: 'liveness' as const, check: 'GET /h on port 5000', evidence: {} };
    const evidence = { status: 500, listening: ['0.0.0.0:5000'] };
    const failed = { ...run, passed: false, said: 'answered 500, not 200', evidence };
    const passed = { ...run, phase: 'startup' as const, check: 'connect', passed: true, said: null };
    expect(formatCheckRuns([passed, failed, { ...run, passed: null, said: null }])).toEqual([
      'web.1  startup   connect              passed',
      'web.1  liveness  GET /h on port 5000  failed: it answered 500, not 200',
      '    Status:    500',
      '    Listening: 0.0.0.0:5000',
      'web.1  liveness  GET /h on port 5000  ended meanwhile',
    ]);
  });
});

describe('formatChecks', () => {
  it('is a table with a line for each check', () => {
    const check: ApiCheck = {
      process_type: 'web',
      phase: 'liveness',
      source: 'setting',
      kind: 'http',
      path: '/health',
      status: '200-399',
      content: null,
      port: null,
      command: null,
      uptime: null,
      interval: 10,
      timeout: 5,
      attempts: 3,
      initial_delay: 0,
      warn: false,
    };
    const none: ApiCheck = { ...check, process_type: 'worker', kind: 'off', source: 'default' };
    expect(formatChecks([check, none])).toEqual([
      'type    phase     check                           interval  timeout  attempts  delay  from',
      'web     liveness  http /health on $PORT: 200-399  10s       5s       3                setting',
      'worker  liveness  none: it has to run                                                 default',
    ]);
  });
});

const incident = {
  kind: 'crashed',
  dyno: 'web.1',
  release: 12,
  message: 'Process exited with status 127',
  evidence: { exit_code: 127 },
  created_at: '2026-01-02T03:04:05Z',
};
const why: ApiWhy = {
  explanations: [
    {
      subject: 'web.1',
      kind: 'dyno',
      state: 'crashed',
      cause: 'Its process exited with 127: command not found',
      evidence: { exit_code: 127, listening: [], oom_killed: false },
      since: '2026-01-02T03:04:05Z',
      next_try_at: null,
      next_step: 'Mend the command of web in the Procfile: nod server.js',
      last_incident: incident,
    },
  ],
  incidents: [incident, { ...incident, message: 'Error R10', created_at: '2026-01-02T03:03:05Z' }],
  log_lines: ['a line'],
};
const now = new Date('2026-01-02T03:05:05Z');

describe('why', () => {
  it.each([
    [undefined, ''],
    ['web.2', '?dyno=web.2'],
    ['v12', '?release=v12'],
    ['12', '?release=12'],
    ['a&b', '?dyno=a%26b'],
  ])('asks about %j', (subject, query) => {
    expect(whyQuery(subject)).toBe(query);
  });

  it('tells of one subject with evidence, next step, what was before and its lines', () => {
    const lines = formatWhy(why, now);
    expect(lines[0]).toBe('web.1: crashed');
    expect(lines[1]).toMatch(/^ {2}Cause: +Its process exited with 127: command not found\.$/);
    expect(lines.join('\n')).toMatch(/Exit code: +127\n {2}Listening: +nothing\n {2}Oom killed: +no\n/);
    expect(lines.join('\n')).toMatch(/Next step: +Mend the command/);
    expect(lines.filter((line) => line.includes('Process exited'))).toEqual([]);
    expect(lines.join('\n')).toMatch(/Earlier:\n {2}.* web\.1 v12: Error R10\n\nLast 1 lines:\n {2}a line$/);
  });

  it('tells of an app in a line for each dyno that is well, and two for the others', () => {
    const [crashed] = why.explanations;
    if (crashed === undefined) throw new Error('none');
    const app = { ...crashed, subject: 'shop', kind: 'app', state: 'partly up', evidence: {} };
    const up = {
      ...crashed,
      subject: 'web.2',
      state: 'up',
      cause: 'It runs v12 and is well',
      next_step: null,
    };
    const lines = formatOverview({ ...why, explanations: [app, crashed, up] }, now);
    expect(lines[0]).toBe('shop: partly up');
    expect(lines.slice(-3)).toEqual([
      'web.1: crashed. Its process exited with 127: command not found.',
      '    Mend the command of web in the Procfile: nod server.js',
      'web.2: up. It runs v12 and is well.',
    ]);
  });
});
