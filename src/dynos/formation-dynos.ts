// The dynos of an app as users see them: each wanted place of the formation, with what is in it. Pure but for its reads.

import type { Database } from '../db/database.js';
import type { App } from '../platform/apps.js';
import { getAutosleep } from '../platform/autosleep.js';
import { listCrashes, listDynoWishes } from '../platform/dyno-wishes.js';
import { getFormation } from '../platform/formation.js';
import { currentRelease, releaseIdOf } from '../platform/releases.js';
import { nextTryAt } from './crash-backoff.js';
import { type Dyno, type DynoContainer, type DynoState, dynoName } from './dyno.js';
import type { Lives } from './lives.js';
import type { Reconciler } from './reconcile.js';

/** Each wanted place of the formation with the container that is best in it, and containers on their way out. */
export function formationDynos(options: {
  db: Database;
  app: App;
  lives: Lives;
  reconciler: Pick<Reconciler, 'containersOf'>;
  settings: { readonly coolOffMs: number };
}): Dyno[] {
  const { db, app, lives, reconciler } = options;
  const release = currentRelease(db, app.id);
  if (release === undefined) return [];
  const containers = reconciler.containersOf(app.id).filter((container) => container.isRunning);
  const crashes = listCrashes(db, app.id);
  const wishes = listDynoWishes(db, app.id);
  const asleepSince = getAutosleep(db, app.id)?.asleepSince;
  const isAsleep = asleepSince !== undefined;
  return getFormation(db, app.id).flatMap((entry) =>
    Array.from({ length: entry.quantity }, (_, index): Dyno => {
      const place = { type: entry.type, number: index + 1 };
      const name = dynoName(place);
      const here = containers.filter((container) => dynoName(container) === name);
      const best =
        here.find((container) => container.phase === 'up') ?? here.find((c) => c.phase === 'starting');
      const crash = crashes.find((row) => dynoName(row) === name && row.releaseVersion === release.version);
      const isStopped = wishes.some((wish) => dynoName(wish) === name && wish.stopped);
      const releaseVersion = best?.releaseVersion ?? release.version;
      const bestSince = best && lives.get(best.containerId)?.since;
      const state = stateOf({
        best,
        isStopped,
        isAsleep: isAsleep && entry.type === 'web',
        hasCrashed: crash !== undefined,
      });
      // Also where a dyno of the release before goes on meanwhile.
      const isCrashed =
        state === 'crashed' || (best !== undefined && best.releaseVersion !== release.version);
      const isWaiting = crash !== undefined && isCrashed;
      return {
        name,
        ...place,
        state,
        nextTryAt: isWaiting
          ? nextTryAt(crash, { coolOffMs: options.settings.coolOffMs, nowMs: db.now() })
          : undefined,
        releaseVersion,
        releaseId: releaseIdOf(db, { appId: app.id, version: releaseVersion }),
        command: entry.command,
        size: entry.size,
        updatedAt:
          bestSince ?? (entry.type === 'web' ? asleepSince : undefined) ?? crash?.lastAt ?? release.createdAt,
        containerId: best?.containerId,
        ip: best?.ip,
      };
    }),
  );
}

function stateOf(place: {
  best: DynoContainer | undefined;
  isStopped: boolean;
  isAsleep: boolean;
  hasCrashed: boolean;
}): DynoState {
  if (place.best !== undefined) return place.best.phase === 'up' ? 'up' : 'starting';
  if (place.isStopped) return 'down';
  if (place.isAsleep) return 'idle';
  return place.hasCrashed ? 'crashed' : 'starting';
}
