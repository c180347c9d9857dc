// What was begun must be ended: a call to the engine is repeated until the engine answers.

import { setTimeout as sleep } from 'node:timers/promises';
import { PaasError } from '../errors.js';

const RETRY_MS = 1000;

/**
 * The result of `call`; it is called again as long as the engine is away or fails. Other errors are thrown; so is the
 * signal's reason when it aborts.
 */
export async function insist<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof PaasError && error.id === 'service_unavailable')) throw error;
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
}
