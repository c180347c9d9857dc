import { describe, expect, it } from 'vitest';
import { createFrameDecoder, encodeFrame, readSignal, readSize } from '../../../src/api/attach-frames.js';

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const bytes = Buffer.concat([
      encodeFrame(0, Buffer.from('hello')),
      encodeFrame(1, Buffer.alloc(0)),
      encodeFrame(2, Buffer.from('{"columns":80,"rows":24}')),
    ]);
    for (const size of [1, 3, 7, bytes.length]) {
      const decoder = createFrameDecoder();
      const frames = [];
      for (let at = 0; at < bytes.length; at += size)
        frames.push(...decoder.push(bytes.subarray(at, at + size)));
      expect(frames.map(({ type, payload }) => [type, String(payload)])).toEqual([
        [0, 'hello'],
        [1, ''],
        [2, '{"columns":80,"rows":24}'],
      ]);
    }
  });

  it('are refused when too large', () => {
    expect(() => createFrameDecoder().push(Buffer.from([0, 0xff, 0, 0, 0]))).toThrow();
  });

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
