// Says on stderr how much of an upload has gone: a line that counts up on a terminal, one final line elsewhere.

import { Readable } from 'node:stream';
import { formatBytes } from './format.js';
import type { Terminal } from './terminal.js';

const STEP_MS = 200;

/** The same bytes as `source`, counted. Call `done` or `failed` once. */
export function showProgress(
  { stderr }: Terminal,
  source: Readable,
): { stream: Readable; done(): void; failed(): void } {
  let bytes = 0;
  let shownAt = 0;
  async function* count(): AsyncIterable<Buffer> {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (stderr.isTTY && Date.now() - shownAt > STEP_MS) {
        shownAt = Date.now();
        stderr.write(`\rUploading source... ${formatBytes(bytes)}  `);
      }
      yield chunk;
    }
  }
  stderr.write('Uploading source... ');
  // The blanks cover what is left of a longer count.
  const end = (how: string) => stderr.write(stderr.isTTY ? `\rUploading source... ${how}  \n` : `${how}\n`);
  return {
    stream: Readable.from(count(), { objectMode: false }),
    done: () => end(`done, ${formatBytes(bytes)}`),
    failed: () => end('!'),
  };
}
