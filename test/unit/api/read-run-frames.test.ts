import { describe, expect, it } from 'vitest';
import { readSignal, readSize } from '../../../src/api/read-run-frames.js';

describe('frames of a client', () => {
  it.each([
    ['{"columns":80,"rows":24}', { columns: 80, rows: 24 }],
    ['{"columns":0,"rows":24}', undefined],
    ['{"columns":"80","rows":24}', undefined],
    ['null', undefined],
    ['{', undefined],
  ])('size %s', (text, expected) => {
    expect(readSize(Buffer.from(text))).toEqual(expected);
  });

  it.each([
    ['INT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['STOP', undefined],
    ['', undefined],
  ])('signal %s', (text, expected) => {
    expect(readSignal(Buffer.from(text))).toBe(expected);
  });
});
