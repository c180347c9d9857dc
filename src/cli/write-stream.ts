// Writing to stdout and stderr with backpressure.

import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Writes and, when the reader is slow, waits until there is room. Rejects when the stream fails (EPIPE) or `signal` aborts. */
export async function writeTo(
  stream: Writable,
  chunk: Uint8Array | string,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (!stream.write(chunk)) await once(stream, 'drain', { signal });
}
