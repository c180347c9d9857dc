import { expect, test } from 'vitest';
import { NOT_ORDINARY } from '../../../src/router/ordinary-requests.js';

const CONTROL_BYTES = Array.from({ length: 0x20 }, (_, byte) => String.fromCharCode(byte)).filter(
  (byte) => !'\t\n\r'.includes(byte),
);

test.each<[isOrdinary: boolean, lines: string[]]>([
  [true, ['host: a.test']],
  [true, ['host: A.test:8080', 'accept: */*', 'user-agent: x']],
  [true, ['accept: a\tb', 'host: xn--4ca.test.']],
  [true, ['host: a.test:65535', 'connection: keep-alive']],
  [true, ['host: a.test', 'connection: Close', 'upgrade-insecure-requests: 1']],
  [true, ['host: a.test', 'cookie: x-forwarded-for=1; proxy=2', 'content-length: 0']],
  [true, ['host: a.test', 'x-other: x-forwarded-for: 1', 'x-requested-with: XMLHttpRequest']],
  ...[
    'X-Forwarded-For',
    'x-forwarded-anything',
    'x_forwarded_proto',
    'X_Forwarded-Host',
    'x-real-ip',
    'x_real_ip',
    'X-Request-ID',
    'x-request_start',
    'x_request_id',
    'forwarded',
    'proxy',
    'Proxy-Connection',
    'upgrade',
  ].flatMap((name): [boolean, string[]][] => [
    [false, [`${name}: 1`, 'host: a.test']],
    [false, ['host: a.test', `${name}: 1`]],
  ]),
  [false, ['host: a.test', 'connection: Upgrade']],
  [false, ['host: a.test', 'connection: keep-alive, X-Forwarded-For']],
  [false, ['connection: close, x-forwarded-for', 'host: a.test']],
  ...[
    'a.test..',
    'a..test',
    '.test',
    'a.test:65536',
    'a.test:',
    'a.test:80:80',
    'a.test:8a',
    'a.test, b.test',
    'a.test b',
    'a_b.test',
    'a.test\rx',
    'a.test:80\rx',
    'ä.test',
    '[::1]:80',
    '',
  ].map((host): [boolean, string[]] => [false, [`host: ${host}`]]),
  [false, ['host: a.test', 'host: b.test x']],
  ...CONTROL_BYTES.map((byte): [boolean, string[]] => [false, ['host: a.test', `x: a${byte}b`]]),
  [false, ['host: a.test', 'x: a\x7fb']],
])('ordinary %s: %j', (isOrdinary, lines) => {
  const headers = `${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
  expect(!new RegExp(NOT_ORDINARY, 'i').test(headers)).toBe(isOrdinary);
});
