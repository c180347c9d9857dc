// What is left of an app that was destroyed, outside of the database. What this leaves is for the sweep.

import type { Database } from '../db/database.js';
import { cacheVolumeName } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import { type GitPlace, removeRepository } from '../git/repository.js';
import type { Logger } from '../log.js';
import { onChange } from '../platform/changes.js';

/**
 * From now on repository and build cache go with their app; the loop removes its containers, forget-logs.ts its log lines.
 * The answer ends that.
 */
export function clearDestroyedApps(parts: {
  db: Database;
  engine: Engine;
  place: GitPlace;
  instance: string;
  log: Logger;
}): () => void {
  const { engine, place, log } = parts;
  return onChange(parts.db, ({ kind, appId }) => {
    if (kind !== 'app-destroyed') return;
    const cleared = Promise.all([
      removeRepository(place, appId),
      engine.removeVolume(cacheVolumeName(parts.instance, appId)),
    ]);
    cleared.catch((error: unknown) =>
      log.warn({ err: error, app: appId }, 'a destroyed app left something behind'),
    );
  });
}
