// What goes on for long, such as a push or a one-off dyno, ends when its account loses the app.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Account } from './accounts.js';
import { type App, findAppFor } from './apps.js';

const LOOK_MS = 4000;

/** Calls `onLost`, each time that it looks, once the account may not see the app any more. Disposing of it ends that. */
export function watchAccess(
  db: Database,
  options: { by: Account; app: App; log: Logger; onLost: () => void; lookMs?: number },
): Disposable {
  const { by, app, log, onLost } = options;
  const look = () => {
    try {
      findAppFor(db, by, app.id);
    } catch (error) {
      if (error instanceof PaasError && error.id === 'not_found') onLost();
      // It could not be read: that says nothing, and must not end the daemon.
      else log.warn({ err: error, app: app.id }, 'access to an app could not be looked up');
    }
  };
  const timer = setInterval(look, options.lookMs ?? LOOK_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
