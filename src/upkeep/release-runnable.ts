// Whether a release can still be run, asked of the engine: somebody may have removed its image by hand.

import type { Database } from '../db/database.js';
import type { Engine } from '../engine/engine.js';
import { hasImage } from '../engine/has-image.js';
import { PaasError } from '../errors.js';
import type { App } from '../platform/apps.js';
import { isRollbackTarget, listReleases, type Release, setReleaseStatus } from '../platform/releases.js';

/**
 * Throws `invalid_params` for a release whose image the engine does not have, and records that it has expired. One that
 * cannot be rolled back to for another reason passes: who rolls back says why.
 */
export async function requireImage(
  deps: { db: Database; engine: Pick<Engine, 'inspectImage'> },
  app: App,
  release: Release,
): Promise<void> {
  const { db, engine } = deps;
  if (!isRollbackTarget(release) || release.current) return;
  if (await hasImage(engine, release.image ?? '')) return;
  setReleaseStatus(db, { releaseId: release.id, status: 'expired' });
  const others = listReleases(db, app.id).filter((it) => isRollbackTarget(it) && !it.current);
  const next = others.find(({ image }) => image !== release.image);
  const push = release.commit === undefined ? 'Deploy its code again' : `Push commit ${release.commit} again`;
  throw new PaasError(
    'invalid_params',
    `Cannot roll back to v${release.version}: its image was removed from the server.`,
    {
      hint:
        next === undefined
          ? `${push}.`
          : `${push}, or go back to another with: paas rollback v${next.version} -a ${app.name}`,
    },
  );
}
