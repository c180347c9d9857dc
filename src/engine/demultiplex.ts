// Docker's multiplexed stream (header of 8 bytes: stream number, 3 zero bytes, uint32 BE length) taken apart.
// https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach

import { PassThrough, type Readable } from 'node:stream';

export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly payload: Buffer;
}

/** Cuts a multiplexed byte stream into frames. A frame may come in pieces, each with the stream's name: nothing waits for its end. */
export class FrameSplitter {
  #header = Buffer.alloc(0);
  #left = 0;
  #stream: Frame['stream'] = 'stdout';

  /** The frames (or parts of frames) in this chunk. */
  split(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        at = this.#readHeader(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#left);
      frames.push({ stream: this.#stream, payload: chunk.subarray(at, end) });
      this.#left -= end - at;
      at = end;
    }
    return frames;
  }

  #readHeader(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + 8 - this.#header.length);
    this.#header = Buffer.concat([this.#header, chunk.subarray(at, end)]);
    if (this.#header.length === 8) {
      this.#stream = this.#header[0] === 2 ? 'stderr' : 'stdout';
      this.#left = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
    return end;
  }
}

/** Two readables from one multiplexed source. Both must be read: a full one holds the source back. */
export function demultiplex(source: Readable): { stdout: Readable; stderr: Readable } {
  const outputs = { stdout: new PassThrough(), stderr: new PassThrough() };
  const splitter = new FrameSplitter();
  const full = new Set<PassThrough>();
  for (const output of Object.values(outputs)) {
    output.on('drain', () => {
      full.delete(output);
      if (full.size === 0) source.resume();
    });
  }
  source.on('data', (chunk: Buffer) => {
    for (const frame of splitter.split(chunk)) {
      const output = outputs[frame.stream];
      if (!output.write(frame.payload)) full.add(output);
    }
    if (full.size > 0) source.pause();
  });
  const end = () => {
    outputs.stdout.end();
    outputs.stderr.end();
  };
  source.on('end', end);
  source.on('close', end);
  // A broken connection ends the output; the container's own state says what became of it.
  source.on('error', end);
  return outputs;
}
