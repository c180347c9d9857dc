import { expect, it } from 'vitest';
import { BuildkitPrinter, decodeBuildkitTrace } from '../../../src/engine/buildkit-trace.js';

/** Protobuf by hand: [field, text] is length-delimited, [field, number] a varint. */
function message(...fields: [number, string | number | Buffer][]): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)]);
      const bytes = Buffer.from(value);
      return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
    }),
  );
}

function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 128 ? (rest % 128) + 128 : rest);
    if (rest < 128) return Buffer.from(bytes);
  }
}

const time = message([1, 1_700_000_000]);
const status = (...fields: [number, Buffer][]) => message(...fields).toString('base64');
const started = message([1, 'sha256:a'], [3, '[2/3] RUN npm ci'], [5, time]);
const done = message([1, 'sha256:a'], [3, '[2/3] RUN npm ci'], [5, time], [6, time]);

it('decodes steps and their output', () => {
  const log = message([1, 'sha256:a'], [2, time], [3, 1], [4, `added ${'x'.repeat(300)}\n`]);
  expect(decodeBuildkitTrace(status([1, started], [3, log]))).toEqual({
    vertexes: [
      {
        digest: 'sha256:a',
        name: '[2/3] RUN npm ci',
        cached: false,
        started: true,
        completed: false,
        error: '',
      },
    ],
    logs: [{ vertex: 'sha256:a', text: Buffer.from(`added ${'x'.repeat(300)}\n`) }],
  });
});

it.each(['', 'AAAA', '//////8=', 'CgU='])('survives the broken message %j', (text) => {
  expect(decodeBuildkitTrace(text).logs).toEqual([]);
});

it('prints each step once, joins cut lines, and tells the end', () => {
  const printer = new BuildkitPrinter();
  const print = (...fields: [number, Buffer][]) => printer.print(decodeBuildkitTrace(status(...fields)));
  const log = (text: string) => message([1, 'sha256:a'], [4, text]);
  expect(print([1, message([1, 'sha256:z'], [3, '[internal] load'], [5, time])])).toBe('');
  expect(print([1, started])).toBe('#1 [2/3] RUN npm ci\n');
  expect(print([1, started], [3, log('add')])).toBe('');
  expect(print([3, log('ed 5\r\nnew')])).toBe('#1 added 5\n');
  expect(print([1, done])).toBe('#1 new\n#1 DONE\n');
  expect(print([1, done])).toBe('');
  const cached = message([1, 'sha256:b'], [3, '[3/3] COPY . .'], [4, 1], [5, time], [6, time]);
  expect(print([1, cached])).toBe('#2 [3/3] COPY . .\n#2 CACHED\n');
  const failed = message([1, 'sha256:c'], [3, 'RUN false'], [5, time], [6, time], [7, 'exit code: 1']);
  expect(print([1, failed])).toBe('#3 RUN false\n#3 ERROR: exit code: 1\n');
});
