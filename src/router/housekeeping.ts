// What has to be looked at now and then beside a running HAProxy: access lines that it could not write, and the size of
// the file of its own messages, which it only appends to.

import { stat, truncate } from 'node:fs/promises';

const MESSAGES_LIMIT_BYTES = 5 * 1024 * 1024;

/** Lines that HAProxy's workers have dropped, from their own counts (`DroppedLogs`), which begin with each worker. */
export class DroppedLines {
  #counts: ReadonlyMap<number, number> | undefined;
  #total = 0;

  /** Since the first look. */
  get total(): number {
    return this.#total;
  }

  /** No worker has run yet: all that the first look finds is new. */
  begin(): void {
    this.#counts = new Map();
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

/** Empties the file when it is large: HAProxy goes on at the new end. */
export async function limitMessages(path: string): Promise<void> {
  if ((await stat(path)).size > MESSAGES_LIMIT_BYTES) await truncate(path, 0);
}
