// Removes what no release can run any more: images beyond the rollback targets, and all of a destroyed app. Only
// objects that carry this install's label are ever looked at.

import type { Database } from '../db/database.js';
import { LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import type { Logger } from '../log.js';
import { listApps } from '../platform/apps.js';
import { isRollbackTarget, listReleases, type Release, setReleaseStatus } from '../platform/releases.js';

/** Releases of an app that stay runnable: the current one and those before it. */
export const KEPT_RELEASES = 10;

// An image this young may belong to a build whose release is not written yet.
const MIN_AGE_MS = 2 * 3600 * 1000;

/** Which images may go, and which releases lose theirs. Pure. */
export function planGarbage(options: {
  apps: ReadonlyMap<string, readonly Release[]>;
  images: readonly {
    id: string;
    tags: readonly string[];
    labels: Readonly<Record<string, string>>;
    createdAt: number;
  }[];
  usedImages: ReadonlySet<string>;
  nowMs: number;
}): { tags: string[]; expired: Release[] } {
  const kept = new Set<string>(options.usedImages);
  const expired: Release[] = [];
  for (const releases of options.apps.values()) {
    // Newest first.
    const runnable = releases.filter(isRollbackTarget);
    for (const release of runnable.slice(0, KEPT_RELEASES)) kept.add(release.image ?? '');
    for (const release of releases) if (release.status === 'pending') kept.add(release.image ?? '');
    expired.push(...runnable.slice(KEPT_RELEASES).filter((release) => !kept.has(release.image ?? '')));
  }
  for (const id of options.apps.keys())
    for (const image of newestVendored(options.images, id)) kept.add(image.id);
  const images = options.images.filter((image) => {
    if (kept.has(image.id)) return false;
    const isOfLiveApp = options.apps.has(image.labels[LABEL.app] ?? '');
    return !isOfLiveApp || options.nowMs - image.createdAt > MIN_AGE_MS;
  });
  // An image that others use too loses our tag and stays.
  return { tags: images.flatMap((image) => (image.tags.length > 0 ? image.tags : [image.id])), expired };
}

// An app that changes its runtime or packages can go back to those it had without making the layer again.
const KEPT_VENDORED = 2;

function newestVendored<Image extends { labels: Readonly<Record<string, string>>; createdAt: number }>(
  images: readonly Image[],
  appId: string,
): Image[] {
  return images
    .filter(({ labels }) => labels[LABEL.app] === appId && Boolean(labels[LABEL.vendor]))
    .sort((a, b) => b.createdAt - a.createdAt)
    .slice(0, KEPT_VENDORED);
}

/** One sweep. Safe at any time, and to repeat. */
export async function collectGarbage(options: { db: Database; engine: Engine; log: Logger }): Promise<void> {
  const { db, engine, log } = options;
  const [images, containers] = [await engine.listImages(), await engine.listContainers()];
  const apps = new Map(listApps(db).map((app) => [app.id as string, listReleases(db, app.id)]));
  const usedImages = new Set(containers.map((container) => container.imageId));
  const plan = planGarbage({ apps, images, usedImages, nowMs: db.now() });
  for (const release of plan.expired) setReleaseStatus(db, { releaseId: release.id, status: 'expired' });
  for (const tag of plan.tags) {
    await engine.removeImage(tag);
    log.info({ image: tag }, 'image removed: no release that is kept runs it');
  }
}
