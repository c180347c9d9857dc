// Deletes the log lines of destroyed apps, until it is done: the collector may be away, and dynos that drain go on talking.
// docs/decisions/0219-log-lines-go-with-their-app.md

import { once } from 'node:events';
import type { Database } from '../db/database.js';
import { createWakeup } from '../dynos/wakeup.js';
import type { Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';
import { type Logger, RepeatedFailure } from '../log.js';
import type { LogClient } from '../logs/client.js';
import { onChange } from '../platform/changes.js';
import { listForgottenApps, strikeOutForgottenApp } from '../platform/forgotten-apps.js';

interface ForgetDeps {
  readonly db: Database;
  readonly engine: Pick<Engine, 'listContainers'>;
  readonly logs: Pick<LogClient, 'forgetApp'>;
  readonly log: Logger;
}

const RETRY_MS = 5000;
const IDLE_MS = 3_600_000;

/** Runs until the signal aborts; never rejects. What an earlier daemon has not finished goes on. */
export async function forgetLogs(deps: ForgetDeps, signal: AbortSignal): Promise<void> {
  const { db, log } = deps;
  const text = 'log lines of destroyed apps are still kept; trying again';
  const failure = new RepeatedFailure({ log, level: 'warn', text, now: () => performance.now() });
  const wakeup = createWakeup();
  // A collector that does not answer is not waited for then.
  const ended = once(signal, 'abort').then(() => true);
  const stopListening = onChange(db, ({ kind, appId }) => {
    if (kind === 'app-destroyed') wakeup.wake(appId);
  });
  try {
    while (!signal.aborted) {
      wakeup.take();
      let isDone = false;
      try {
        isDone = await Promise.race([forgetAll(deps, signal), ended]);
      } catch (error) {
        if (!signal.aborted) failure.note(error);
      }
      await wakeup.wait(isDone ? IDLE_MS : RETRY_MS, signal);
    }
  } finally {
    stopListening();
  }
}

/** True when none is left. */
async function forgetAll(deps: ForgetDeps, signal: AbortSignal): Promise<boolean> {
  const { db, logs } = deps;
  let isDone = true;
  for (const appId of listForgottenApps(db)) {
    const wasQuiet = await isQuiet(deps, appId);
    await logs.forgetApp(appId);
    // The database may be closed by now.
    if (signal.aborted) return false;
    if (wasQuiet) strikeOutForgottenApp(db, appId);
    else isDone = false;
  }
  return isDone;
}

/** Whether no container of it is left. Otherwise a collector that starts anew would take up what it still prints. */
async function isQuiet({ engine }: ForgetDeps, appId: AppId): Promise<boolean> {
  // An engine that is away keeps no lines from being deleted now.
  const containers = await engine.listContainers({ app: appId }).catch(() => undefined);
  return containers?.length === 0;
}
