import { describe, expect, it } from 'vitest';
import { accountLines, breachesOf, untoldBreaches } from '../../support/log-accounting.js';

const at = '2026-01-01T00:00:00.000000+00:00';
const ticks = (process: string, from: number, to: number, launch = 'a') =>
  Array.from(
    { length: to - from + 1 },
    (_, index) => `${at} app[${process}]: tick ${launch} ${from + index}`,
  );
const notice = (text: string) => `${at} heroku[logplex]: ${text}`;
const gapOf = (process: string) =>
  notice(`Error L13 (Local delivery error): an unknown number of messages of ${process} is missing: x.`);
const rate = (process: string, count: number) =>
  notice(`Error L12 (Local buffer overflow): ${count} messages of ${process} dropped since ${at}: x.`);

describe('what is missing', () => {
  it.each([
    ['nothing', ticks('web.1', 5, 9), []],
    ['a gap of any size', [...ticks('web.1', 1, 2), ...ticks('web.1', 40, 41)], [[3, 39]]],
    [
      'two gaps',
      [...ticks('web.1', 1, 1), ...ticks('web.1', 3, 3), ...ticks('web.1', 5, 5)],
      [
        [2, 2],
        [4, 4],
      ],
    ],
    ['the rest', [...ticks('web.1', 1, 2), `${at} app[web.1]: ticked a 4`], [[3, 4]]],
    [
      'nothing, in another order',
      [...ticks('web.1', 1, 1), ...ticks('web.1', 3, 3), ...ticks('web.1', 2, 2)],
      [],
    ],
  ])('%s', (_, lines, gaps) => {
    const [account] = accountLines(lines);
    expect(account?.gaps.map(({ from, to }) => [from, to])).toEqual(gaps);
  });

  it('begins with 1 where a run began within sight', () => {
    const lines = [...ticks('web.1', 7, 8), ...ticks('web.1', 2, 3, 'b')];
    expect(breachesOf(accountLines(lines))).toEqual([]);
    expect(breachesOf(accountLines(lines, { wholeFrom: 1 }))).toEqual(['web.1 b: 2 of 3 lines; missing 1']);
    expect(breachesOf(accountLines(lines, { wholeFrom: 0 }))).toHaveLength(2);
  });

  it('is one thing, what comes twice another', () => {
    const lines = [...ticks('web.1', 1, 3), ...ticks('web.1', 2, 2)];
    expect(breachesOf(accountLines(lines))).toEqual(['web.1 a: twice 2']);
  });
});

describe('what notices excuse', () => {
  const [before, after] = [ticks('web.1', 1, 2), ticks('web.1', 6, 7)];
  it.each([
    ['nothing without one', [...before, ...after], 1],
    ['the gap that it stands in', [...before, gapOf('web.1'), ...after], 0],
    ['no gap of another process', [...before, gapOf('web.2'), ...after], 1],
    ['no gap before it', [...before, ...after, gapOf('web.1')], 1],
    ['no gap after it', [gapOf('web.1'), ...before, ...after], 1],
    ['no second gap', [...before, gapOf('web.1'), ...after, ...ticks('web.1', 9, 9)], 1],
    ['no repetition', [...before, gapOf('web.1'), ...after, ...ticks('web.1', 6, 6)], 1],
    ['as many lines as it counts', [...before, rate('web.1', 3), ...after], 0],
    ['as many, told a moment later', [...before, ...after, rate('web.1', 3)], 0],
    ['and not more', [...before, rate('web.1', 2), ...after], 1],
    ['not those of another', [...before, rate('web.2', 3), ...after], 1],
    ['each line once', [...before, rate('web.1', 3), ...after, ...ticks('web.1', 9, 9)], 1],
    [
      'lines of the app',
      [...before, notice(`Error L10 (Output buffer overflow): 3 messages dropped since ${at}: x.`), ...after],
      0,
    ],
  ])('%s', (_, lines, breaches) => {
    expect(untoldBreaches(lines)).toHaveLength(breaches);
  });
});
