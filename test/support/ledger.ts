// Somebody who goes on changing config vars of an app without dynos while something goes wrong, and writes down what was
// answered (I2: an answered 2xx is never lost). What got no answer may or may not have happened.

import { setTimeout as sleep } from 'node:timers/promises';
import type { User } from './paas.js';

export interface Ledger extends AsyncDisposable {
  /** Changes that were answered with 2xx so far. */
  readonly answered: number;
  stop(): Promise<void>;
}

const PAUSE_MS = 250;
let next = 0;

/** Each change sets a var of its own. `answered` gets name and value of those that were answered. */
export function startLedger(user: User, app: string, answered: Map<string, string>): Ledger {
  let isOver = false;
  let count = 0;
  const life = (async () => {
    while (!isOver) {
      next += 1;
      const [name, value] = [`CHANGE_${next}`, String(Date.now())];
      const answer = await user
        .api('PATCH', `/apps/${app}/config-vars`, { [name]: value })
        .catch(() => undefined);
      if (answer?.status === 200) {
        answered.set(name, value);
        count += 1;
      }
      await sleep(PAUSE_MS);
    }
  })();
  const ledger: Ledger = {
    get answered() {
      return count;
    },
    async stop() {
      isOver = true;
      await life;
    },
    [Symbol.asyncDispose]: () => ledger.stop(),
  };
  return ledger;
}
