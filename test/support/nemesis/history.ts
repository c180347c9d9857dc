// What a run did and saw, with times: on the screen, and in a file that outlives it.

import { appendFileSync, writeFileSync } from 'node:fs';

export interface History {
  /** `kind` is one word: op, done, refused, lost, none, fault, healed, back, check, start, end, BREACH. */
  add(kind: string, text: string): void;
  readonly path: string;
}

export function openHistory(path: string): History {
  const startedAt = performance.now();
  writeFileSync(path, '');
  return {
    path,
    add(kind, text) {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(2).padStart(8);
      const line = `${seconds} ${kind.padEnd(7)} ${text}\n`;
      appendFileSync(path, line);
      process.stdout.write(line);
    },
  };
}
