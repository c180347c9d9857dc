// The frames of `paas-run/1`: one byte for the type, four for the length (big endian), then the payload. Pure.

/** Client to daemon. */
export const CLIENT_FRAME = { stdin: 0, stdinEnd: 1, resize: 2, signal: 3 } as const;
/** Daemon to client. */
export const SERVER_FRAME = { stdout: 1, stderr: 2, exit: 3 } as const;

export interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

const HEAD_BYTES = 5;
const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** One frame on the wire. */
export function encodeFrame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

/** Cuts a byte stream into frames. `push` throws on a frame larger than 1 MiB. */
export function createFrameDecoder(): { push(chunk: Buffer): Frame[] } {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const frames: Frame[] = [];
      while (rest.length >= HEAD_BYTES) {
        const length = rest.readUInt32BE(1);
        if (length > MAX_PAYLOAD_BYTES) throw new Error(`a frame of ${length} bytes is too large`);
        if (rest.length < HEAD_BYTES + length) break;
        frames.push({ type: rest.readUInt8(0), payload: rest.subarray(HEAD_BYTES, HEAD_BYTES + length) });
        rest = rest.subarray(HEAD_BYTES + length);
      }
      return frames;
    },
  };
}

/** The window size in a resize frame; undefined when it makes no sense. */
export function readSize(payload: Buffer): { columns: number; rows: number } | undefined {
  const value = parseJson(payload);
  const { columns, rows } = value;
  const isSide = (side: unknown): side is number =>
    typeof side === 'number' && Number.isInteger(side) && side > 0 && side < 10_000;
  return isSide(columns) && isSide(rows) ? { columns, rows } : undefined;
}

/** The signal in a signal frame (`INT` or `SIGINT`); undefined for one that is not passed on. */
export function readSignal(payload: Buffer): NodeJS.Signals | undefined {
  const name = payload.toString('latin1').replace(/^(?!SIG)/, 'SIG');
  return PASSED_ON.find((signal) => signal === name);
}

const PASSED_ON: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGTSTP',
  'SIGKILL',
];

function parseJson(payload: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    // Any object will do: its fields are checked one by one.
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
