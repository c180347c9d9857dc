import { expect, test } from 'vitest';
import { parseTimeUs, readEngineFile } from '../../../src/logs/engine-file.js';
import { gapText, noticeText } from '../../../src/logs/notices.js';
import { RateLimit } from '../../../src/logs/rate-limit.js';

test.each([
  ['rate', 'Error L12 (Local buffer overflow): 5 messages of web.1 dropped since'],
  ['unstored', 'Error L10 (Output buffer overflow): 5 messages dropped since'],
  ['undelivered', 'Error L12 (Local buffer overflow): 5 messages dropped since'],
  ['split', '5 lines of web.1 over 10000 bytes were split since'],
] as const)('%s', (kind, text) => {
  expect(noticeText({ kind, process: 'web.1', count: 5, sinceUs: 0 })).toContain(text);
});

test('an unknown number is said to be unknown', () => {
  expect(gapText('web.1', 'why')).toBe(
    'Error L13 (Local delivery error): an unknown number of messages of web.1 is missing: why.',
  );
});

test('the rate limit lets one second of lines through, and counts time', () => {
  const limit = new RateLimit(100);
  expect(limit.take(150, 1_000_000)).toBe(100);
  expect(limit.take(10, 1_000_000)).toBe(0);
  expect(limit.take(100, 1_500_000)).toBe(50);
  expect(new RateLimit(0).take(1_000_000, 1)).toBe(1_000_000);
});

test.each([
  ['1970-01-01T00:00:01.123456789Z', 1_123_456],
  ['1970-01-01T00:00:01Z', 1_000_000],
  ['1970-01-01T01:00:01.5+01:00', 1_500_000],
  ['nonsense', 0],
])('reads engine time %s', (text, us) => expect(parseTimeUs(text)).toBe(us));

test("the engine's pieces of a long line become one again", async () => {
  const stamp = '2026-11-21T03:44:31.123456789Z';
  const text = `${'a'.repeat(16_384)}${stamp} ${'b'.repeat(10)}`;
  async function* entries() {
    yield { stream: 'stdout' as const, timestamp: stamp, text };
    yield { stream: 'stderr' as const, timestamp: stamp, text: 'short' };
  }
  const file = await readEngineFile(entries());
  expect(file.stdout.map((line) => line.text).join('')).toBe('a'.repeat(16_384) + 'b'.repeat(10));
  expect(file.stdout.map((line) => line.isSplit)).toEqual([true, undefined]);
  expect(file.order).toEqual(['stdout', 'stdout', 'stderr']);
});
