import { describe, expect, it } from 'vitest';
import { appFlags, parseCommandLine, parseCount } from '../../../src/cli/command.js';

const plain = {
  flags: { ...appFlags, json: { type: 'boolean', short: 'j', summary: '' } },
  args: 'X',
  arity: [0, 1],
} as const;
const run = {
  flags: {
    ...appFlags,
    env: { type: 'string', short: 'e', multiple: true, summary: '' },
    quiet: { type: 'boolean', short: 'q', summary: '' },
  },
  args: 'COMMAND...',
  arity: [1, Number.POSITIVE_INFINITY],
  verbatimArgs: true,
} as const;

describe('parseCommandLine', () => {
  it('reads flags before and after arguments', () => {
    expect(parseCommandLine(plain, ['-j', 'x', '--app', 'a'])).toMatchObject({
      args: ['x'],
      flags: { app: 'a', json: true },
    });
  });

  it.each([
    { argv: ['--nope'], says: 'Unknown flag --nope' },
    { argv: ['-z'], says: 'Unknown flag -z' },
    { argv: ['--app'], says: '--app' },
    { argv: ['a', 'b'], says: 'Unexpected argument "b"' },
  ])('refuses $argv', ({ argv, says }) => {
    expect(() => parseCommandLine(plain, argv)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(says) }),
    );
  });

  it('asks for missing arguments, but not for help', () => {
    expect(() => parseCommandLine(run, [])).toThrow('Missing argument: COMMAND...');
    expect(parseCommandLine(run, ['--help']).wantsHelp).toBe(true);
  });

  it.each([
    { argv: ['-a', 'x', 'node', '-e', '1'], args: ['node', '-e', '1'], flags: { app: 'x' } },
    { argv: ['node', '-e', '1', '-a', 'x'], args: ['node', '-e', '1'], flags: { app: 'x' } },
    { argv: ['node', '--app=x'], args: ['node'], flags: { app: 'x' } },
    { argv: ['-a', 'x', 'ls', '-a', 'y'], args: ['ls', '-a', 'y'], flags: { app: 'x' } },
    { argv: ['--', 'ls', '-a', 'y'], args: ['ls', '-a', 'y'], flags: { app: undefined } },
    {
      argv: ['-qe', 'A=1', '-e', 'B=2', 'ls', '--', '-x'],
      args: ['ls', '--', '-x'],
      flags: { env: ['A=1', 'B=2'], quiet: true },
    },
    { argv: ['-eA=1', 'ls', '--help'], args: ['ls', '--help'], flags: { env: ['A=1'] } },
    { argv: ['-a', 'x'], args: undefined, flags: {} },
  ])('keeps the command of run as it is: $argv', ({ argv, args, flags }) => {
    if (args === undefined) expect(() => parseCommandLine(run, argv)).toThrow('Missing');
    else {
      const parsed = parseCommandLine(run, argv);
      expect(parsed.args).toEqual(args);
      for (const [key, value] of Object.entries(flags)) expect(parsed.flags[key]).toEqual(value);
    }
  });
});

describe('parseCount', () => {
  it('takes whole numbers', () => {
    expect([parseCount('n', '15'), parseCount('n', undefined), parseCount('n', '0', 0)]).toEqual([
      15,
      undefined,
      0,
    ]);
  });
  it.each(['0', '-1', '1.5', 'x', '', '99999999999'])('refuses %j', (text) => {
    expect(() => parseCount('n', text)).toThrow('--n must be a whole number');
  });
});
