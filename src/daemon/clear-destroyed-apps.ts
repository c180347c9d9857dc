// What is left of an app that was destroyed, outside of the database.

import type { Database } from '../db/database.js';
import { cacheVolumeName } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import { type GitPlace, removeRepository } from '../git/repository.js';
import type { Logger } from '../log.js';
import type { LogClient } from '../logs/client.js';
import { onChange } from '../platform/changes.js';

/**
 * From now on repository, log and build cache go with their app; the loop removes its containers. The answer ends that.
 */
export function clearDestroyedApps(parts: {
  db: Database;
  engine: Engine;
  logs: LogClient;
  place: GitPlace;
  instance: string;
  log: Logger;
}): () => void {
  const { engine, logs, place, log } = parts;
  return onChange(parts.db, ({ kind, appId }) => {
    if (kind !== 'app-destroyed') return;
    const cleared = Promise.all([
      removeRepository(place, appId),
      logs.forgetApp(appId),
      engine.removeVolume(cacheVolumeName(parts.instance, appId)),
    ]);
    cleared.catch((error: unknown) =>
      log.warn({ err: error, app: appId }, 'a destroyed app left something behind'),
    );
  });
}
