// The frames of `paas-run/1`, the protocol between a client and its one-off dyno: one byte of type, four bytes of
// length (big endian), the payload. Pure.

/** Client to daemon. */
export const CLIENT_FRAME = { stdin: 0, stdinEnd: 1, resize: 2, signal: 3 } as const;
/** Daemon to client. */
export const SERVER_FRAME = { stdout: 1, stderr: 2, exit: 3 } as const;

export interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

const HEADER_BYTES = 5;

/** One frame as bytes. */
export function encodeFrame(type: number, payload: Uint8Array | string = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes.length);
  frame.writeUInt8(type, 0);
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/** A decoder that is fed pieces and answers the frames that are complete. Throws an Error on a longer payload. */
export function createFrameDecoder(limits: { maxPayloadBytes: number }): (chunk: Buffer) => Frame[] {
  let pieces: Buffer[] = [];
  let held = 0;
  let needed = HEADER_BYTES;
  return (chunk) => {
    pieces.push(chunk);
    held += chunk.length;
    const frames: Frame[] = [];
    // Joined only when there is enough, so that a long frame is not copied for each of its pieces.
    while (held >= needed) {
      const bytes = pieces.length === 1 ? (pieces[0] ?? chunk) : Buffer.concat(pieces);
      const length = bytes.readUInt32BE(1);
      if (length > limits.maxPayloadBytes) throw new Error(`a frame of ${length} bytes is too large`);
      needed = HEADER_BYTES + length;
      if (held < needed) {
        pieces = [bytes];
        break;
      }
      frames.push({ type: bytes.readUInt8(0), payload: bytes.subarray(HEADER_BYTES, needed) });
      pieces = [bytes.subarray(needed)];
      held -= needed;
      needed = HEADER_BYTES;
    }
    return frames;
  };
}
