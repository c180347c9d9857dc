// Text that is still being written, for any number of readers who each get it from the start. Bounded in memory.

export interface Transcript {
  /** Adds text; once the limit is reached, a note and then nothing. */
  write(text: string): void;
  end(): void;
  text(): string;
  /** All of it from the start, until the end. Throws the signal's reason when that aborts first. */
  read(signal: AbortSignal): AsyncIterable<string>;
}

export function createTranscript(maxBytes: number): Transcript {
  const parts: string[] = [];
  let bytes = 0;
  let isFull = false;
  let hasEnded = false;
  const waiting = new Set<() => void>();

  function announce(): void {
    for (const resume of waiting) resume();
    waiting.clear();
  }

  return {
    write(text) {
      if (isFull || hasEnded || text === '') return;
      bytes += Buffer.byteLength(text);
      isFull = bytes > maxBytes;
      parts.push(isFull ? `\n[output cut off after ${maxBytes} bytes]\n` : text);
      announce();
    },
    end() {
      hasEnded = true;
      announce();
    },
    text: () => parts.join(''),
    async *read(signal) {
      signal.addEventListener('abort', announce);
      try {
        for (let next = 0; ; ) {
          while (next < parts.length) yield parts[next++] ?? '';
          if (hasEnded) return;
          signal.throwIfAborted();
          await new Promise<void>((resume) => waiting.add(resume));
        }
      } finally {
        signal.removeEventListener('abort', announce);
      }
    },
  };
}
