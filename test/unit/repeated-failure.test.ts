import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { PaasError } from '../../src/errors.js';
import { RepeatedFailure } from '../../src/log.js';

/** What is told of failures at these times (ms). */
function told(
  failures: readonly (readonly [number, Error])[],
): { at: number; times: number; what: string }[] {
  const said: { at: number; times: number; what: string }[] = [];
  let now = 0;
  const output = new PassThrough().setEncoding('utf8');
  output.on('data', (line: string) => {
    const { times = 1, err } = JSON.parse(line);
    said.push({ at: now, times, what: err.message });
  });
  const log = pino(output);
  const failure = new RepeatedFailure({ log, level: 'warn', text: 'a pass failed', now: () => now });
  for (const [at, err] of failures) {
    now = at;
    failure.note(err);
    output.read();
  }
  return said;
}
const away = new PaasError('service_unavailable', 'away');
const every = (stepMs: number, untilMs: number) =>
  Array.from({ length: Math.floor(untilMs / stepMs) + 1 }, (_, index) => [index * stepMs, away] as const);

test('the first is told at once, then it is counted, at growing intervals', () => {
  const said = told(every(500, 40_000));
  expect(said.map(({ at, times }) => [at, times])).toEqual([
    [0, 1],
    [5000, 10],
    [15_000, 20],
    [35_000, 40],
  ]);
});

test('a day of failures is a few hundred lines', () => {
  expect(told(every(500, 86_400_000)).length).toBeLessThan(200);
});

test('another kind is told at once, another text of the same kind is not', () => {
  const broken = new Error('broken 1');
  const said = told([
    [0, away],
    [100, away],
    [200, broken],
    [300, new Error('broken 2')],
    [400, away],
  ]);
  expect(said.map(({ at, what }) => [at, what])).toEqual([
    [0, 'away'],
    [200, 'broken 1'],
  ]);
});

test('after a long quiet time it is news again', () => {
  const said = told([...every(500, 60_000), [60_000 + 1_300_000, away]]);
  expect(said.at(-1)?.at).toBe(1_360_000);
  expect(said).toHaveLength(5);
});
