// What has to be looked at now and then beside a running HAProxy: access lines that it could not write, and the size of
// the file of its own messages, which it only appends to.

import { readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const DROPPED_FILE = 'dropped-lines.json';
const MESSAGES_LIMIT_BYTES = 5 * 1024 * 1024;

/** Lines that HAProxy's workers have dropped, from their own counts (`DroppedLogs`), which begin with each worker. */
export class DroppedLines {
  #counts: ReadonlyMap<number, number> | undefined;
  #total = 0;

  /** Since the first look. */
  get total(): number {
    return this.#total;
  }

  /** What the workers had dropped at the newest look; without: none has run yet, and all is new. */
  begin(counts: ReadonlyMap<number, number> = new Map()): void {
    this.#counts = counts;
  }

  /**
   * How many more there are than at the look before, by worker; 0 at the first look without `begin`: those were told of
   * before.
   */
  look(counts: ReadonlyMap<number, number>): number {
    const before = this.#counts;
    this.#counts = counts;
    if (before === undefined) return 0;
    let more = 0;
    for (const [pid, count] of counts) more += Math.max(0, count - (before.get(pid) ?? 0));
    this.#total += more;
    return more;
  }
}

/** The counts of the newest look, by worker, and when that was, epoch ms. */
export interface KeptCounts {
  readonly counts: ReadonlyMap<number, number>;
  readonly at: number;
}

/** Keeps them beside HAProxy, in `dir`, for the next daemon, which tells what HAProxy drops while there is none. */
export async function keepCounts(dir: string, counts: ReadonlyMap<number, number>): Promise<void> {
  const path = join(dir, DROPPED_FILE);
  await writeFile(`${path}.new`, JSON.stringify([...counts]), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** What was kept last; undefined when nothing was, or nothing that can be read. */
export async function recallCounts(dir: string): Promise<KeptCounts | undefined> {
  const path = join(dir, DROPPED_FILE);
  try {
    const pairs: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (!Array.isArray(pairs)) return undefined;
    const counts = new Map(pairs.filter(isPair));
    return { counts, at: (await stat(path)).mtimeMs };
  } catch {
    return undefined;
  }
}

function isPair(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isSafeInteger);
}

/** Empties the file when it is large: HAProxy goes on at the new end. */
export async function limitMessages(path: string): Promise<void> {
  if ((await stat(path)).size > MESSAGES_LIMIT_BYTES) await truncate(path, 0);
}
