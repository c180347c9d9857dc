// How many more files this process may open: connections, streams and programs need them.

import { readdirSync, readFileSync } from 'node:fs';
import { parseOpenFilesLimit } from '../engine/open-files.js';

const KEPT_MS = 200;

/** Answers what is left, looking at most some times a second. `now` is any clock in ms. */
export function createFreeFiles(now: () => number): () => number {
  let left = Number.MAX_SAFE_INTEGER;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() - lookedAt < KEPT_MS) return left;
    lookedAt = now();
    left = count();
    return left;
  };
}

function count(): number {
  try {
    // The soft limit is raised to the hard one by Node at its start.
    const limit = parseOpenFilesLimit(readFileSync('/proc/self/limits', 'utf8'));
    return limit === undefined ? Number.MAX_SAFE_INTEGER : limit - readdirSync('/proc/self/fd').length;
  } catch {
    // Not even these could be opened.
    return 0;
  }
}
