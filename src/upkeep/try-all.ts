// Work on many things, of which one that fails again and again must not keep the others waiting for ever.

import { EngineFailedError } from '../engine/docker-errors.js';
import { PaasError } from '../errors.js';

/** Does all, one after the other; then rejects with the first failure. An engine that is away ends it at once. */
export async function tryAll<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      if (isAway(error)) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function isAway(error: unknown): boolean {
  const isUnavailable = error instanceof PaasError && error.id === 'service_unavailable';
  return isUnavailable && !(error instanceof EngineFailedError);
}
