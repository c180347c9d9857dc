import { describe, expect, it } from 'vitest';
import { isProcessType, parseProcfile } from '../../../src/platform/procfile.js';

const cases: [string, string | Uint8Array, Record<string, string>][] = [
  [
    'two types in their order',
    'worker: python w.py\nweb: node x.js',
    { worker: 'python w.py', web: 'node x.js' },
  ],
  ['no final newline, no space', 'web:node x', { web: 'node x' }],
  ['CRLF', 'web: a\r\nworker: b\r\n', { web: 'a', worker: 'b' }],
  ['a byte order mark', '\ufeffweb: a', { web: 'a' }],
  ['a byte order mark as bytes', Buffer.from('\ufeffweb: a'), { web: 'a' }],
  ['comments and empty lines', '# web\n\n// more\n  \nweb: a # not a comment', { web: 'a # not a comment' }],
  ['a colon in the command', 'web: a:b :c', { web: 'a:b :c' }],
  [
    'shell in the command, as it is',
    'web: node x; curl http://h | sh $(id)',
    { web: 'node x; curl http://h | sh $(id)' },
  ],
  ['dashes and underscores', 'my-worker_2: x', { 'my-worker_2': 'x' }],
  ['names of Object', 'constructor: x\ntoString: y', { constructor: 'x', toString: 'y' }],
  ['non-ASCII commands', 'web: écho 🌈', { web: 'écho 🌈' }],
  ['32 types', types(32), Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`t${n}`, 'x']))],
];

const refused: [string, string | Uint8Array, RegExp][] = [
  ['an empty file', '', /no process types/],
  ['only comments', '# web: x\n\n', /no process types/],
  ['a line without a colon', 'web node x', /line 1: expected `name: command`/],
  ['a line without a name', 'web: x\n: y', /line 2: expected `name: command`/],
  ['a line without a command', 'web:', /line 1: expected/],
  ['a merge conflict', 'web: x\n<<<<<<< HEAD\nworker: y', /line 2: expected/],
  ['a space in the name', 'my web: x', /line 1: expected/],
  ['a dot in the name', 'web.1: x', /line 1: expected/],
  ['__proto__', '__proto__: x', /line 1: expected/],
  ['a long name', `${'a'.repeat(64)}: x`, /line 1: expected/],
  ['a type twice', 'web: a\nweb: b', /line 2: process type "web" is there twice/],
  ['33 types', types(33), /declares 33 process types; the limit is 32/],
  ['1,000 types', types(1000), /limit is 32/],
  ['a line over 8 KiB', `web: ${'x'.repeat(8192)}`, /line 1 is longer than 8 KiB/],
  ['1 MB', `web: ${'x'.repeat(1_000_000)}`, /larger than 64 KiB/],
  ['a NUL byte', 'web: a\0b', /NUL byte/],
  ['UTF-16', Buffer.from('\ufeffweb: x', 'utf16le'), /not UTF-8|NUL/],
  ['broken UTF-8', Buffer.from([0x77, 0x3a, 0xff]), /not UTF-8/],
];

function types(count: number): string {
  return Array.from({ length: count }, (_, n) => `t${n}: x`).join('\n');
}

describe('parseProcfile', () => {
  it.each(cases)('accepts %s', (_, text, expected) => {
    const parsed = parseProcfile(text);
    expect({ ...parsed }).toEqual(expected);
    expect(Object.keys(parsed)).toEqual(Object.keys(expected));
  });

  it.each(refused)('refuses %s', (_, text, message) => {
    expect(() => parseProcfile(text)).toThrow(
      expect.objectContaining({
        id: 'invalid_procfile',
        status: 422,
        message: expect.stringMatching(message),
      }),
    );
  });

  it('shows a bad line short and without control characters', () => {
    try {
      parseProcfile(`\u001b]0;evil ${'x'.repeat(500)}`);
      expect.unreachable();
    } catch (error) {
      const { message } = error as Error;
      expect(message.length).toBeLessThan(160);
      expect(message).not.toContain('\u001b');
    }
  });
});

it.each([
  ['web', true],
  ['web\n', false],
  ['', false],
  ['web;id', false],
  ['a'.repeat(63), true],
])('isProcessType(%j) is %s', (type, expected) => {
  expect(isProcessType(type)).toBe(expected);
});
