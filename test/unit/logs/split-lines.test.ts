import { expect, test } from 'vitest';
import { LineSplitter, type SplitLines } from '../../../src/logs/split-lines.js';

function split(bytes: Buffer, chunkBytes: number): SplitLines[] {
  const splitter = new LineSplitter();
  const out: SplitLines[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    out.push(...splitter.push(bytes.subarray(at, at + chunkBytes)));
  out.push(...splitter.end());
  return out;
}

const flat = (splits: SplitLines[]) =>
  splits.flatMap(({ lines, isSplit }) => lines.map((text) => `${text}${isSplit ? '+' : ''}`));

const long = 'a'.repeat(25_000);
const cases: [string, Buffer, string[]][] = [
  ['nothing', Buffer.from(''), []],
  ['whole lines', Buffer.from('one\ntwo\n\n'), ['one', 'two', '']],
  ['an unfinished last line', Buffer.from('one\ntwo'), ['one', 'two']],
  ['CRLF', Buffer.from('one\r\ntwo\r\n'), ['one', 'two']],
  ['invalid UTF-8', Buffer.from([0x61, 0xff, 0x0a, 0xc3, 0x0a, 0x62, 0x0a]), ['a\ufffd', '\ufffd', 'b']],
  ['characters of four bytes', Buffer.from('😀é\n😀\n'), ['😀é', '😀']],
  ['exactly the limit', Buffer.from(`${'a'.repeat(10_000)}\nb\n`), ['a'.repeat(10_000), 'b']],
  [
    'an over-long line',
    Buffer.from(`x\n${long}\ny\n`),
    ['x', `${'a'.repeat(10_000)}+`, `${'a'.repeat(10_000)}+`, 'a'.repeat(5_000), 'y'],
  ],
  [
    'an over-long line that never ends',
    Buffer.from(long),
    [`${'a'.repeat(10_000)}+`, `${'a'.repeat(10_000)}+`, 'a'.repeat(5_000)],
  ],
  ['a cut beside a character', Buffer.from(`${'é'.repeat(5_001)}\n`), [`${'é'.repeat(5_000)}+`, 'é']],
  ['a cut inside a character', Buffer.from(`x${'é'.repeat(5_000)}\n`), [`x${'é'.repeat(4_999)}+`, 'é']],
];

for (const chunkBytes of [1, 7, 10_000, 1_000_000]) {
  test.each(cases)(`%s, in chunks of ${chunkBytes}`, (_, bytes, lines) => {
    expect(flat(split(bytes, chunkBytes))).toEqual(lines);
  });
}
