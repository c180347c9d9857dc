import { describe, expect, it } from 'vitest';
import { createFrameDecoder, encodeFrame } from '../../../src/schemas/run-frames.js';

describe('frames', () => {
  const frames = [
    { type: 1, payload: Buffer.from('out') },
    { type: 2, payload: Buffer.alloc(0) },
    { type: 3, payload: Buffer.from('{"code":1}') },
  ];
  const bytes = Buffer.concat(frames.map(({ type, payload }) => encodeFrame(type, payload)));
  it.each([1, 2, 5, 6, 100])('are read in pieces of %d bytes', (size) => {
    const decode = createFrameDecoder({ maxPayloadBytes: 100 });
    const read = [];
    for (let at = 0; at < bytes.length; at += size) read.push(...decode(bytes.subarray(at, at + size)));
    expect(read).toEqual(frames);
  });
  it('begin with the type and the length, big endian', () => {
    expect(encodeFrame(2, 'ab')).toEqual(Buffer.from([2, 0, 0, 0, 2, 97, 98]));
  });
  it('may not be absurdly long', () => {
    expect(() => createFrameDecoder({ maxPayloadBytes: 100 })(Buffer.from('HTTP/1.1'))).toThrow('too large');
  });
});
