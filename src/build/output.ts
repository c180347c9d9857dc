// The output of one build: appended to its file, told to the app's log line by line, replayed and followed by readers.

import { EventEmitter, once } from 'node:events';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Redactor } from '../platform/redact.js';

const MAX_BYTES = 32 * 1024 * 1024;
const MAX_LINE = 8 * 1024;

/** Where the output of a build is kept. */
export function outputPath(directory: string, buildId: string): string {
  return join(directory, `${buildId}.log`);
}

/** The kept output of a build that runs no more; nothing for one without. */
export async function* readKeptOutput(directory: string, buildId: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(outputPath(directory, buildId), { encoding: 'utf8' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

/** Open while the build runs. Owned by deploy.ts. */
export class BuildOutput {
  readonly #file: FileHandle;
  readonly #onLine: (line: string) => void;
  readonly #grown = new EventEmitter();
  #redactor = new Redactor({});
  #line = '';
  #size = 0;
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, size: number, onLine: (line: string) => void) {
    this.#file = file;
    this.#size = size;
    this.#onLine = onLine;
    this.#grown.setMaxListeners(0);
  }

  /** Goes on behind what is there already. */
  static async open(options: { path: string; onLine: (line: string) => void }): Promise<BuildOutput> {
    const file = await open(options.path, 'a+', 0o600);
    return new BuildOutput(file, (await file.stat()).size, options.onLine);
  }

  /** From now on the values of these config vars are hidden. */
  hide(config: Readonly<Record<string, string>>): void {
    this.#redactor = new Redactor(config);
  }

  /** Resolves when the text is in the file, which is what holds a fast build back. */
  write(text: string): Promise<void> {
    return this.#append(this.#redactor.push(text));
  }

  /** Ends the output: followers get the rest and end. Safe to call twice. */
  async end(): Promise<void> {
    if (this.#ended) return;
    try {
      await this.#append(this.#redactor.end());
    } finally {
      // Also on a full disk: who follows would wait for ever.
      if (this.#line !== '') this.#onLine(this.#line);
      this.#ended = true;
      this.#grown.emit('grown');
      await this.#file.close();
    }
  }

  /** All output from the start, then what comes, until the end. Any number of readers; a slow one slows nobody. */
  async *follow(path: string): AsyncGenerator<string> {
    await using file = await open(path, 'r');
    const decoder = new TextDecoder();
    const buffer = Buffer.alloc(64 * 1024);
    for (let at = 0; ; ) {
      const isLast = this.#ended;
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      at += bytesRead;
      if (bytesRead > 0) yield decoder.decode(buffer.subarray(0, bytesRead), { stream: true });
      else if (isLast) return;
      else if (!this.#ended && at >= this.#size) await once(this.#grown, 'grown');
    }
  }

  #append(text: string): Promise<void> {
    if (text === '' || this.#ended || this.#size > MAX_BYTES) return Promise.resolve();
    const bytes = Buffer.from(text);
    this.#tell(text);
    const written = this.#last.then(async () => {
      // Not `write`, which may write a part on a disk that is nearly full.
      await this.#file.appendFile(bytes);
      this.#size += bytes.length;
      if (this.#size > MAX_BYTES)
        await this.#file.write('\n !     The output is too long; the rest is left out.\n');
      this.#grown.emit('grown');
    });
    this.#last = written.catch(() => undefined);
    return written;
  }

  #tell(text: string): void {
    const lines = (this.#line + text).split('\n');
    this.#line = (lines.pop() ?? '').slice(-MAX_LINE);
    for (const line of lines) this.#onLine(line.replace(/\r$/, '').slice(0, MAX_LINE));
  }
}
