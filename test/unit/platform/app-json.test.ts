import { describe, expect, it } from 'vitest';
import { parseHealthchecks } from '../../../src/platform/app-json.js';

const read = (healthchecks: unknown) => parseHealthchecks(Buffer.from(JSON.stringify({ healthchecks })));
const web = (...checks: unknown[]) => read({ web: checks }).checks['web'];

describe('parseHealthchecks', () => {
  it('finds none where there are none', () => {
    expect(parseHealthchecks(undefined)).toEqual({ checks: {}, warnings: [] });
    expect(parseHealthchecks(Buffer.from('{"name":"x"}'))).toEqual({ checks: {}, warnings: [] });
    expect(read(null).checks).toEqual({});
  });

  it('reads the example of Dokku', () => {
    const { checks, warnings } = read({
      web: [
        {
          type: 'startup',
          name: 'web http check',
          path: '/health/ready',
          port: 8080,
          attempts: 3,
          timeout: 5,
          wait: 7,
        },
        {
          type: 'liveness',
          path: '/health/live',
          content: 'ok',
          timeout: 1,
          attempts: 5,
          description: 'mine',
        },
      ],
      worker: [
        { type: 'startup', name: 'worker uptime', uptime: 30 },
        { type: 'liveness', command: ['/app/check.sh', '-q'], initialDelay: 10, warn: true },
      ],
    });
    expect(warnings).toEqual([]);
    expect(checks['web']?.startup).toEqual([
      {
        name: 'web http check',
        probe: {
          kind: 'http',
          path: '/health/ready',
          port: 8080,
          minStatus: 200,
          maxStatus: 399,
          headers: [],
        },
        intervalMs: 7000,
        timeoutMs: 5000,
        attempts: 3,
        initialDelayMs: 0,
        timesGiven: true,
      },
    ]);
    expect(checks['web']?.liveness).toMatchObject([
      { probe: { kind: 'http', content: 'ok' }, intervalMs: 5000, timeoutMs: 1000, attempts: 5 },
    ]);
    expect(checks['worker']).toMatchObject({
      startup: [{ probe: { kind: 'uptime', seconds: 30 } }],
      liveness: [
        {
          probe: { kind: 'command', command: ['/app/check.sh', '-q'] },
          initialDelayMs: 10_000,
          onlyWarns: true,
        },
      ],
    });
  });

  it.each([
    ['a listening check', { listening: true, port: 3000 }, { kind: 'port', port: 3000 }],
    ['a port alone', { port: 3000 }, { kind: 'port', port: 3000 }],
    [
      'headers',
      { path: '/', httpHeaders: [{ name: 'Host', value: 'a.test' }] },
      { kind: 'http', headers: [{ name: 'Host', value: 'a.test' }] },
    ],
    [
      'zeroes as absent',
      { path: '/', attempts: 0, timeout: 0, wait: 0, port: 0, uptime: 0 },
      { kind: 'http' },
    ],
  ])('reads %s', (_, entry, probe) => {
    expect(web(entry)?.startup[0]).toMatchObject({ probe, attempts: 3, timeoutMs: 5000, intervalMs: 5000 });
  });

  it('says what is there and has no effect', () => {
    const { checks, warnings } = read({
      web: [
        { type: 'readiness', path: '/ready', onFailure: { command: ['rm'] } },
        { type: 'liveness', uptime: 3 },
      ],
    });
    expect(checks['web']).toMatchObject({ startup: [{ probe: { path: '/ready' } }], liveness: [] });
    expect(warnings).toEqual([
      'healthchecks.web[0]: readiness is asked before the first request only, as a startup check',
      'healthchecks.web[0].onFailure is not run: nothing of an app runs on the server itself',
      'healthchecks.web[1]: uptime says nothing of a dyno that is up; it is not used for liveness',
    ]);
  });

  it.each([
    ['[]', /app\.json must hold a JSON object/],
    ['{"a":', /app\.json is not valid JSON/],
    ['{"healthchecks":[]}', /healthchecks must be an object/],
    ['{"healthchecks":{"web":{}}}', /healthchecks\.web must be a list/],
    ['{"healthchecks":{"__proto__":[]}}', /healthchecks\."__proto__" is no process type/],
    ['{"healthchecks":{"web":[1]}}', /web\[0\] must be an object/],
    ['{"healthchecks":{"web":[{}]}}', /web\[0\] must have one of path, command, uptime and listening/],
    ['{"healthchecks":{"web":[{"path":"/","command":["x"]}]}}', /web\[0\] must have only one of/],
    ['{"healthchecks":{"web":[{"type":"x","path":"/"}]}}', /type must be startup, liveness or readiness/],
    [
      '{"healthchecks":{"web":[{"path":"health"}]}}',
      /web\[0\]\.path "health" must be a path such as \/health/,
    ],
    ['{"healthchecks":{"web":[{"path":7}]}}', /web\[0\]\.path must be text/],
    ['{"healthchecks":{"web":[{"path":"/","wait":"5"}]}}', /web\[0\]\.wait "5" must be a number of seconds/],
    [
      '{"healthchecks":{"web":[{"path":"/","timeout":-1}]}}',
      /timeout "-1" must be a number of seconds from 0.1 to 300/,
    ],
    [
      '{"healthchecks":{"web":[{"path":"/","attempts":1.5}]}}',
      /attempts "1.5" must be a whole number from 1 to 100/,
    ],
    ['{"healthchecks":{"web":[{"path":"/","initialDelay":1e9}]}}', /initialDelay "1000000000" must be/],
    ['{"healthchecks":{"web":[{"listening":true,"port":70000}]}}', /port "70000" must be a port of the dyno/],
    ['{"healthchecks":{"web":[{"path":"/","scheme":"https"}]}}', /scheme must be http/],
    [
      '{"healthchecks":{"web":[{"path":"/","httpHeaders":{"a":"b"}}]}}',
      /httpHeaders must be a list of objects/,
    ],
    [
      '{"healthchecks":{"web":[{"path":"/","httpHeaders":[{"name":"a","value":"x\\r\\ny"}]}]}}',
      /httpHeaders "a" must have values of printable ASCII/,
    ],
    ['{"healthchecks":{"web":[{"command":[1]}]}}', /command must be a command, or a list/],
  ])('refuses %s', (text, message) => {
    expect(() => parseHealthchecks(Buffer.from(text))).toThrow(message);
    expect(() => parseHealthchecks(Buffer.from(text))).toThrow(expect.objectContaining({ status: 422 }));
  });

  it('refuses what is not UTF-8', () => {
    expect(() => parseHealthchecks(Buffer.from([0x7b, 0xff, 0x7d]))).toThrow('not valid JSON in UTF-8');
  });
});
