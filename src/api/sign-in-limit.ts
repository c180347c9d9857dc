// How often a password may be tried: per account and per address, in memory.

import { PaasError } from '../errors.js';

/** Counts failed sign-ins. */
export interface SignInLimit {
  /** Call before a password is checked. Throws `rate_limit` when there were too many failures lately. */
  begin(attempt: SignInAttempt): void;
  /** Call when the password was right: the attempt no longer counts. */
  succeeded(attempt: SignInAttempt): void;
}

export interface SignInAttempt {
  readonly email: string;
  readonly address: string;
}

const WINDOW_MS = 60_000;
const PER_ACCOUNT = 10;
const PER_ADDRESS = 30;
const MAX_KEYS = 20_000;

/** A limit of 10 failures a minute per account and 30 per address. Attempts under way count as failures. */
export function createSignInLimit(options: { now: () => number }): SignInLimit {
  const failures = new Map<string, { count: number; windowEndsAt: number }>();
  const keysOf = (attempt: SignInAttempt): [string, number][] => [
    [`account ${attempt.email.trim().toLowerCase().slice(0, 256)}`, PER_ACCOUNT],
    [`address ${attempt.address}`, PER_ADDRESS],
  ];
  const present = (key: string) => {
    const entry = failures.get(key);
    return entry !== undefined && entry.windowEndsAt > options.now() ? entry : undefined;
  };
  return {
    begin(attempt) {
      for (const [key, limit] of keysOf(attempt)) {
        const entry = present(key);
        if (entry !== undefined && entry.count >= limit) throw tooMany(entry.windowEndsAt - options.now());
      }
      if (failures.size > MAX_KEYS) forgetOld(failures, options.now());
      for (const [key] of keysOf(attempt)) {
        const entry = present(key);
        if (entry === undefined) failures.set(key, { count: 1, windowEndsAt: options.now() + WINDOW_MS });
        else entry.count += 1;
      }
    },
    succeeded(attempt) {
      for (const [key] of keysOf(attempt)) {
        const entry = present(key);
        if (entry !== undefined) entry.count -= 1;
      }
    },
  };
}

// Entries are in the order of their making, so the oldest go first when none is over yet.
function forgetOld(failures: Map<string, { windowEndsAt: number }>, now: number): void {
  for (const [key, entry] of failures) {
    if (entry.windowEndsAt <= now || failures.size > MAX_KEYS / 2) failures.delete(key);
  }
}

function tooMany(waitMs: number): PaasError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new PaasError('rate_limit', `Too many failed sign-ins. Try again in ${seconds} seconds.`, {
    retryAfterSeconds: seconds,
  });
}
