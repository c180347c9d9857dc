import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { demultiplex, FrameSplitter } from '../../../src/engine/demultiplex.js';

function frame(stream: 1 | 2, payload: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

it.each([1, 3, 8, 9, 1000])('takes frames apart that come in pieces of %i bytes', (size) => {
  const bytes = Buffer.concat([frame(1, 'one\n'), frame(2, 'two'), frame(1, ''), frame(1, '{"a":1}')]);
  const splitter = new FrameSplitter();
  const found = { stdout: '', stderr: '' };
  for (let at = 0; at < bytes.length; at += size) {
    for (const part of splitter.split(bytes.subarray(at, at + size))) found[part.stream] += part.payload;
  }
  expect(found).toEqual({ stdout: 'one\n{"a":1}', stderr: 'two' });
});

it('holds the source back while a reader is slow, and loses nothing', async () => {
  const source = new PassThrough();
  const { stdout, stderr } = demultiplex(source);
  const big = 'x'.repeat(100_000);
  source.write(frame(1, big));
  await expect.poll(() => source.isPaused()).toBe(true);
  source.end(Buffer.concat([frame(2, 'e'), frame(1, 'end')]));
  const [out, err] = await Promise.all([text(stdout), text(stderr)]);
  expect([out.length, err]).toEqual([100_003, 'e']);
});
