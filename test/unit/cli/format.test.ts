import { describe, expect, it } from 'vitest';
import {
  formatAgo,
  formatBytes,
  formatDate,
  formatFields,
  formatTable,
  formatUntil,
  shellQuote,
} from '../../../src/cli/format.js';
import { printable } from '../../../src/cli/printable.js';
import { suggest } from '../../../src/cli/suggest.js';

describe('tables', () => {
  it('pads columns, colours not counted, the last one not', () => {
    expect(
      formatTable([
        ['v1', '\u001b[31mred\u001b[0m', 'x'],
        ['v10', 'longer', 'y'],
        ['ü', '', ''],
      ]),
    ).toEqual(['v1   \u001b[31mred\u001b[0m     x', 'v10  longer  y', 'ü']);
  });
  it('aligns the values of fields', () => {
    expect(
      formatFields([
        ['FOO', 'a'],
        ['LONGER', 'b'],
      ]),
    ).toEqual(['FOO:    a', 'LONGER: b']);
    expect(formatFields([])).toEqual([]);
  });
});

describe('dates', () => {
  const date = new Date('2015-11-17T17:37:41Z');
  it.each([
    { seconds: 5, ago: ' (~ 5s ago)' },
    { seconds: 180, ago: ' (~ 3m ago)' },
    { seconds: 3600, ago: ' (~ 1h ago)' },
    { seconds: 25 * 3600, ago: '' },
    { seconds: -10, ago: ' (~ 0s ago)' },
  ])('$seconds seconds ago', ({ seconds, ago }) => {
    const now = new Date(date.getTime() + seconds * 1000);
    expect(formatAgo(date, now)).toBe(`${formatDate(date)}${ago}`);
    expect(formatDate(date)).toMatch(/^2015\/11\/1[678] \d\d:\d7:41 [+-]\d{4}$/);
  });
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [12_345_678, '12.3 MB'],
  [999_999, '1.0 MB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  ['plain', "'plain'"],
  ["it's $HOME", "'it'\\''s $HOME'"],
])('quotes %j for a shell', (value, quoted) => {
  expect(shellQuote(value)).toBe(quoted);
});

it.each([
  ['a\tb\nc', 'a\tb\nc'],
  ['\u001b[1;31mred\u001b[0m', '\u001b[1;31mred\u001b[0m'],
  ['\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
  ['\u001b[2J', '\\x1b[2J'],
  ['over\rwrite', 'over\\x0dwrite'],
  ['crlf\r\nnext\r', 'crlf\nnext'],
  ['\u009b31m \u202e', '\\x9b31m \\u202e'],
])('makes %j safe for a terminal', (text, safe) => {
  expect(printable(text)).toBe(safe);
});

it.each([
  ['pss', 'ps'],
  ['ps:scal', 'ps:scale'],
  ['lgos', 'logs'],
  ['frobnicate', undefined],
])('suggests for %s: %s', (typed, expected) => {
  expect(suggest(typed, ['ps', 'ps:scale', 'logs', 'config'])).toBe(expected);
});

describe('the time until something', () => {
  const now = new Date('2026-01-31T12:00:00Z');
  it.each([
    [-5, '0s'],
    [40, '40s'],
    [1200, '20m'],
    [19_200, '5h'],
  ])('%i seconds', (seconds, text) => {
    expect(formatUntil(new Date(now.getTime() + seconds * 1000), now)).toBe(text);
  });
});
