// Waits for the first bytes that come into an empty pipe, without looking at it meanwhile.

import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

const BUFFER_BYTES = 64 * 1024;

/** Reads once each time it is asked, and never else. */
export class PipeWait implements Disposable {
  readonly #open: () => Promise<number>;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #socket: Socket | undefined;
  #take: (size: number) => void = () => undefined;

  /** `open` gives a descriptor of the pipe that does not block; it is closed by `dispose`. */
  constructor(open: () => Promise<number>) {
    this.#open = open;
  }

  /** The first bytes, good until the next call; none when `signal` aborts. Throws when the pipe cannot be read. */
  async next(signal: AbortSignal): Promise<Buffer> {
    const fd = this.#socket === undefined ? await this.#open() : undefined;
    return await new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        signal.removeEventListener('abort', onAbort);
        this.#socket?.removeListener('error', onError);
        act();
      };
      const onError = (error: Error) => finish(() => reject(error));
      const onAbort = () => {
        this[Symbol.dispose]();
        finish(() => resolve(this.#buffer.subarray(0, 0)));
      };
      this.#take = (size) => finish(() => resolve(this.#buffer.subarray(0, size)));
      // Reads from now on, until `#take`.
      if (fd === undefined) this.#socket?.resume();
      else this.#socket = new Socket(this.#options(fd));
      this.#socket?.once('error', onError);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  #options(fd: number): SocketConstructorOpts & { onread: OnReadOpts } {
    const callback = (size: number) => {
      this.#take(size);
      return false;
    };
    return { fd, readable: true, writable: false, onread: { buffer: this.#buffer, callback } };
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy();
  }
}
