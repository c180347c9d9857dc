// One call to the engine, with its errors in our words.

import { engineError, hasStatus } from './docker-errors.js';

/** Waits for a call; statuses in `fine` give undefined, an aborted signal its own reason. */
export async function call<Result>(subject: string, promise: Promise<Result>): Promise<Result>;
export async function call<Result>(
  subject: string,
  promise: Promise<Result>,
  signal: AbortSignal,
): Promise<Result>;
export async function call<Result>(
  subject: string,
  promise: Promise<Result>,
  ...fine: (number | AbortSignal)[]
): Promise<Result | undefined>;
export async function call<Result>(
  subject: string,
  promise: Promise<Result>,
  ...fine: (number | AbortSignal)[]
): Promise<Result | undefined> {
  try {
    return await promise;
  } catch (error) {
    for (const reason of fine) {
      if (typeof reason !== 'number') reason.throwIfAborted();
      else if (hasStatus(error, reason)) return undefined;
    }
    throw engineError(error, subject);
  }
}
