import { expect, test } from 'vitest';
import {
  clipRun,
  decodeRuns,
  encodeDropped,
  encodeIdle,
  encodeRun,
  FrameDecoder,
  type Run,
  runLines,
  selectRuns,
} from '../../../src/logs/runs.js';

const web: Run = {
  firstSeq: 10,
  timestampUs: 5,
  source: 'app',
  process: 'web.1',
  isSplit: false,
  lines: ['a', '', '!idle 3', '12 1 5 app web.1', 'ü\t'],
};
const split: Run = { ...web, firstSeq: 20, isSplit: true, lines: ['long'] };
const text = encodeRun(web) + encodeDropped(7, 99) + encodeRun(split) + encodeIdle(20);

test('what is encoded is decoded', () => {
  expect(decodeRuns(encodeRun(web) + encodeRun(split))).toEqual([web, split]);
});

test.each([1, 2, 5, 1000])('reads frames from pieces of %d characters', (size) => {
  const decoder = new FrameDecoder();
  const lines: string[] = [];
  const others: unknown[] = [];
  for (let at = 0; at < text.length; at += size) {
    for (const frame of decoder.push(text.slice(at, at + size))) {
      if (frame.kind === 'run') lines.push(...runLines(frame.run).map((line) => `${line.seq} ${line.text}`));
      else others.push(frame);
    }
  }
  expect(lines).toEqual(['10 a', '11 ', '12 !idle 3', '13 12 1 5 app web.1', '14 ü\t', '20 long']);
  expect(others).toEqual([
    { kind: 'dropped', count: 7, sinceUs: 99 },
    { kind: 'idle', seq: 20 },
  ]);
});

test.each([
  [0, undefined, [10, 5]],
  [9, undefined, [10, 5]],
  [11, undefined, [12, 3]],
  [14, undefined, undefined],
  [0, 12, [10, 2]],
  [0, 10, undefined],
])('clips after %s before %s', (after, before, expected) => {
  const run = clipRun(web, after, before);
  expect(run && [run.firstSeq, run.lines.length]).toEqual(expected);
});

test('selects by position and filter', () => {
  const block = encodeRun(web) + encodeRun({ ...split, process: 'worker.1' });
  expect(decodeRuns(selectRuns(block, 13, {})).map((run) => run.firstSeq)).toEqual([14, 20]);
  expect(decodeRuns(selectRuns(block, 0, { process: 'worker' })).map((run) => run.firstSeq)).toEqual([20]);
});

test('refuses what is not the text form', () => {
  expect(() => decodeRuns('hello\n')).toThrow();
});
