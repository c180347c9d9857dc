// Guards a request body that may be large: its size, and that it keeps coming.

import { Transform } from 'node:stream';
import { PaasError } from '../errors.js';

/** A body slower than this over a whole window is ended. */
const MIN_BYTES_PER_WINDOW = 60 * 1024;
const WINDOW_MS = 60_000;

/**
 * A pass-through that fails with `payload_too_large` beyond `maxBytes`, and with `request_timeout` when less than
 * 1 KiB a second comes in over a minute.
 */
export function guardBody(options: { maxBytes: number }): Transform {
  let bytes = 0;
  let bytesBefore = 0;
  const watch = setInterval(() => {
    // A reader that lets the body wait is no fault of the sender.
    const isWaiting = guard.readableLength >= guard.readableHighWaterMark;
    if (!isWaiting && bytes - bytesBefore < MIN_BYTES_PER_WINDOW) {
      guard.destroy(new PaasError('request_timeout', 'The body came in slower than 1 KiB a second.'));
    }
    bytesBefore = bytes;
  }, WINDOW_MS);
  watch.unref();
  const guard = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= options.maxBytes) done(null, chunk);
      else done(new PaasError('payload_too_large', `The body is larger than ${size(options.maxBytes)}.`));
    },
    flush(done) {
      clearInterval(watch);
      done();
    },
    destroy(error, done) {
      clearInterval(watch);
      done(error);
    },
  });
  return guard;
}

function size(bytes: number): string {
  return bytes >= 1024 ** 2 ? `${Math.floor(bytes / 1024 ** 2)} MiB` : `${bytes} bytes`;
}
