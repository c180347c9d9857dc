import { describe, expect, it } from 'vitest';
import { checkCommand, readEnv } from '../../../src/api/run-request.js';

const invalid = (message: RegExp) =>
  expect.objectContaining({ id: 'invalid_params', message: expect.stringMatching(message) });

describe('checkCommand', () => {
  it.each<[string, string | string[], RegExp]>([
    ['nothing', '', /empty/],
    ['a blank', ' ', /empty/],
    ['no word', [], /empty/],
    ['an empty word', [''], /empty/],
    ['an empty program', ['', 'x'], /empty/],
    ['NUL in a string', 'a\0b', /NUL/],
    ['NUL in a word', ['a', 'b\0'], /NUL/],
    ['half a character', 'echo \ud800', /Unicode/],
    ['1,001 words', Array.from({ length: 1001 }, () => 'a'), /1001 words/],
    ['a long string', 'a'.repeat(102_401), /100 KiB/],
    ['long words', ['a', 'b'.repeat(102_400)], /100 KiB/],
  ])('refuses %s', (_, command, message) => {
    expect(() => checkCommand(command)).toThrow(invalid(message));
  });

  it.each<[string | string[]]>([['ls'], [['echo', '']], [Array.from({ length: 1000 }, () => 'a')]])(
    'takes what can be run',
    (command) => expect(checkCommand(command)).toBeUndefined(),
  );
});

describe('readEnv', () => {
  it('reads the size of the terminal', () => {
    expect(readEnv({ COLUMNS: 80, LINES: '24', A: '' })).toEqual({
      env: { COLUMNS: '80', LINES: '24', A: '' },
      columns: 80,
      rows: 24,
    });
  });

  it.each([
    ['PORT', '1', /reserved/],
    ['DYNO', 'x', /reserved/],
    ['A-B', 'x', /invalid/],
    ['A', 'a\0', /NUL/],
    ['A', '\udc00', /Unicode/],
    ['A', 'a'.repeat(65_537), /64 KiB/],
  ])('refuses %s', (key, value, message) => {
    expect(() => readEnv({ [key]: value })).toThrow(invalid(message));
  });
});
