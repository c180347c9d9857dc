import { describe, expect, test } from 'vitest';
import {
  cleanProcessName,
  cleanText,
  formatLine,
  formatTimestamp,
  matchesFilter,
  splitMessage,
} from '../../../src/logs/line.js';

test("writes lines in Heroku's format, with microseconds", () => {
  const timestampUs = Date.parse('2010-09-16T15:13:46Z') * 1000 + 677_020;
  const line = { seq: 1, timestampUs, source: 'app', process: 'web.1', text: 'hello  ' } as const;
  expect(formatLine(line)).toBe('2010-09-16T15:13:46.677020+00:00 app[web.1]: hello  ');
});

test.each([
  [0, '1970-01-01T00:00:00.000000+00:00'],
  [999_999, '1970-01-01T00:00:00.999999+00:00'],
  [1_000_001, '1970-01-01T00:00:01.000001+00:00'],
])('formats %d µs', (us, text) => expect(formatTimestamp(us)).toBe(text));

describe('filters', () => {
  const line = { source: 'app', process: 'web.1' };
  test.each([
    [{}, true],
    [{ source: 'app' }, true],
    [{ source: 'heroku' }, false],
    [{ process: 'web' }, true],
    [{ process: 'web.1' }, true],
    [{ process: 'web.11' }, false],
    [{ process: 'we' }, false],
    [{ process: 'worker' }, false],
    [{ dyno: 'web.1', process: 'web', source: 'app' }, true],
    [{ dyno: 'web.2', process: 'web' }, false],
  ])('%j matches web.1: %s', (filter, wanted) => expect(matchesFilter(line, filter)).toBe(wanted));
});

test.each([
  ['plain \u001b[31mred', 'plain \u001b[31mred'],
  ['end\r', 'end'],
  ['a\r\nb\r\r\nc', 'a\nb\nc'],
  ['10%\r20%', '10%\u240d20%'],
  ['nul\0', 'nul\u2400'],
])('cleans %j', (text, clean) => expect(cleanText(text)).toBe(clean));

test.each([
  ['one', ['one']],
  ['one\n', ['one']],
  ['one\n\ntwo\n', ['one', '', 'two']],
  ['', ['']],
  ['x'.repeat(10_001), ['x'.repeat(10_000), 'x']],
  ['é'.repeat(5_001), ['é'.repeat(5_000), 'é']],
  [`x${'é'.repeat(5_000)}`, [`x${'é'.repeat(4_999)}`, 'é']],
])('splits messages (%#)', (text, lines) => expect(splitMessage(text)).toEqual(lines));

test.each([
  ['web.1', 'web.1'],
  ['my worker\n', 'my_worker_'],
  ['', '_'],
])('process name %j', (name, clean) => expect(cleanProcessName(name)).toBe(clean));
