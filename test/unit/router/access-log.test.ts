import { describe, expect, test } from 'vitest';
import { errorCode, parseAccessLine } from '../../../src/router/access-log.js';
import { accessLine as line } from '../../support/access-line.js';

const ID = '407b828f-ec16-bfef-cff3-25e749e57945';
describe('parseAccessLine', () => {
  test.each([
    ['an answer', {}, true, 451],
    ['a WebSocket', { status: '101' }, true, undefined],
    ['a page of the router', { code: 'H80', end: 'LR', server: '<NOSRV>', Tr: '-1' }, false, undefined],
    ['a timeout of the dyno', { end: 'sH', status: '504', Ta: '30003', Tr: '-1' }, true, 30000],
    ['a refused connection', { end: 'SC', status: '503', Tc: '-1', Tr: '-1' }, true, undefined],
  ])('tells the time to the first byte of %s', (_what, changes, reachedDyno, firstByteMs) => {
    expect(parseAccessLine(line(changes))).toMatchObject({ reachedDyno, firstByteMs });
  });

  test('writes the line as Heroku does', () => {
    expect(parseAccessLine(line())).toEqual({
      appId: 'app-id',
      text: `at=info method=GET path="/" host=www.example.com request_id=${ID} fwd="45.134.142.196" dyno=web.1 connect=1ms service=459ms status=200 bytes=15225 protocol=http1.1 tls=false`,
      reachedDyno: true,
      firstByteMs: 451,
      status: 200,
    });
  });

  test.each([
    [
      'an error page of the router',
      { code: 'H80', end: 'LR', status: '503', server: '<NOSRV>' },
      /^at=info code=H80 desc="Maintenance mode" .* dyno= connect= service= status=503 bytes= /,
    ],
    [
      'a timeout of the dyno',
      { end: 'sH', status: '504' },
      /^at=error code=H12 desc="Request timeout" .* dyno=web.1 connect=1ms .* status=503 /,
    ],
    [
      'a refused connection',
      { end: 'SC', status: '503', Tc: '-1', Ta: '2003' },
      /^at=error code=H21 .* dyno=web.1 connect= service= status=503 /,
    ],
    ['a client that left', { end: 'CH', status: '-1' }, /^at=info code=H27 .* status=499 /],
    ['HTTP/2 with TLS', { version: 'HTTP/2.0', tls: '1' }, / protocol=http2 tls=true$/],
    ['a dyno of a type with a dash', { server: 'web-api.12-0123456789ab' }, / dyno=web-api\.12 /],
    ['a quote and a backslash', { path: '/a#22b\\' }, / path="\/a\\"b\\\\" /],
    ['a number sign', { path: '/a#23b' }, / path="\/a#b" /],
    ['a whole URL', { path: 'http://evil.test:80/x?y=http://z/' }, / path="\/x\?y=http:\/\/z\/" /],
    ['control bytes', { path: '/a#0A2026#1B[2J' }, / path="\/a\\u000a2026\\u001b\[2J" /],
    ['a path that was cut within an escape', { path: '/abc#2' }, / path="\/abc#2" /],
    ['a path longer than the limit', { path: `/${'a'.repeat(3000)}` }, / path="\/a{2047}\.\.\." /],
    ['a method of rubbish', { method: 'G"E' }, / method=G\?E /],
    ['a long method', { method: 'G'.repeat(3000) }, / method=G{32} /],
  ])('tells %s', (_, changes, expected) => {
    const parsed = parseAccessLine(line(changes));
    expect(parsed?.text).toMatch(expected);
    expect(parsed?.text).not.toMatch(/[\x00-\x1f\x7f]/);
  });

  test.each([
    '',
    'rubbish',
    'Proxy http stopped (cumulated conns: FE: 3, BE: 0).',
    line({ app: '-' }),
    'paas2 app - --',
  ])('skips %j', (text) => {
    expect(parseAccessLine(text)).toBeUndefined();
  });
});

test.each([
  ['--', 200, 's', undefined],
  ['CD', 200, 's', undefined],
  ['CR', 400, '<NOSRV>', 'H27'],
  ['cD', 200, 's', 'H28'],
  ['sQ', 503, '<NOSRV>', 'H11'],
  ['sC', 503, 's', 'H19'],
  ['sH', 504, 's', 'H12'],
  ['sD', 200, 's', 'H15'],
  ['SC', 503, 's', 'H21'],
  ['SC', 503, '<NOSRV>', 'H99'],
  ['SH', 502, 's', 'H13'],
  ['SD', 200, 's', 'H18'],
  ['SD', 101, 's', undefined],
  ['PH', 502, 's', 'H17'],
  ['KD', 200, 's', 'H24'],
  ['RC', 500, '<NOSRV>', 'H99'],
  ['LR', 503, '<NOSRV>', undefined],
])('HAProxy ends with %s, status %i, server %s: %s', (end, status, server, code) => {
  expect(errorCode(end, status, server)).toBe(code);
});
