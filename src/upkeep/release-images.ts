// Which images may go, and which releases can still be run. Pure: sweep.ts carries it out. Every image given here
// carries this install's label or tag.

import { LABEL } from '../engine/container-spec.js';
import { isRollbackTarget, type Release } from '../platform/releases.js';

/** An image of this install, as the engine lists it. */
export interface OwnImage {
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Epoch ms. */
  readonly createdAt: number;
}

export interface ImagePlan {
  /** Tags of ours, and ids of untagged images. */
  readonly remove: readonly string[];
  /** Releases that can be run no more. */
  readonly expired: readonly Release[];
  /** Expired releases whose image is there (again), and that are to be kept. */
  readonly revived: readonly Release[];
}

// An image this young may belong to a build whose release is not written yet.
const MIN_AGE_MS = 2 * 3600 * 1000;

/** `releases` of each app newest first; `present`: digests of all images that releases name and the engine has. */
export function planImages(options: {
  releases: ReadonlyMap<string, readonly Release[]>;
  images: readonly OwnImage[];
  present: ReadonlySet<string>;
  usedImages: ReadonlySet<string>;
  /** Releases before the current one that stay runnable. */
  keptReleases: number;
  /** What tags of ours begin with. */
  tagPrefix: string;
  nowMs: number;
}): ImagePlan {
  const sorted = [...options.releases.values()].map((releases) => sortReleases(releases, options));
  const kept = new Set<string>(options.usedImages);
  for (const { pinned } of sorted) for (const release of pinned) kept.add(release.image ?? '');
  for (const id of options.releases.keys())
    for (const image of newestVendored(options.images, id)) kept.add(image.id);
  const released = new Set([...options.releases.values()].flat().map(({ image }) => image));
  const unwanted = options.images.filter((image) => {
    if (kept.has(image.id)) return false;
    const isOfLiveApp = options.releases.has(appOfImage(image, options.tagPrefix));
    const mayBeOfBuild = isOfLiveApp && !released.has(image.id);
    return !mayBeOfBuild || options.nowMs - image.createdAt > MIN_AGE_MS;
  });
  return {
    remove: unwanted.flatMap((image) => namesToRemove(image, options.tagPrefix)),
    expired: sorted.flatMap(({ runnable, lost }) => [
      ...runnable.filter(({ image, status }) => status === 'succeeded' && !kept.has(image ?? '')),
      ...lost.filter(({ status }) => status === 'succeeded'),
    ]),
    revived: sorted.flatMap(({ pinned }) => pinned.filter(({ status }) => status === 'expired')),
  };
}

/** Id of the app that the image was made for; `''` for none. Pulled images carry no label of ours, only the tag. */
export function appOfImage(image: Pick<OwnImage, 'labels' | 'tags'>, tagPrefix: string): string {
  const tag = image.tags.find((name) => name.startsWith(tagPrefix));
  return image.labels[LABEL.app] || (tag?.slice(tagPrefix.length).split(':')[0] ?? '');
}

/** The current release is pinned whatever became of its image: an older one would become current in its place. */
function sortReleases(
  releases: readonly Release[],
  { present, keptReleases }: { present: ReadonlySet<string>; keptReleases: number },
): { pinned: Release[]; runnable: Release[]; lost: Release[] } {
  const pending = releases.filter(({ status }) => status === 'pending');
  const current = releases.find(isRollbackTarget);
  if (current === undefined) return { pinned: pending, runnable: [], lost: [] };
  const older = releases.filter(
    ({ version, image, status }) =>
      version < current.version && image !== undefined && (status === 'succeeded' || status === 'expired'),
  );
  const runnable = older.filter(({ image }) => present.has(image ?? ''));
  return {
    pinned: [...pending, current, ...runnable.slice(0, keptReleases)],
    runnable: runnable.slice(keptReleases),
    lost: older.filter(({ image }) => !present.has(image ?? '')),
  };
}

/** An image that somebody tagged too only loses our tag; one with nobody's tag goes by its id. */
function namesToRemove(image: OwnImage, tagPrefix: string): readonly string[] {
  return image.tags.length === 0 ? [image.id] : image.tags.filter((tag) => tag.startsWith(tagPrefix));
}

// An app that changes its runtime or packages can go back to those it had without making the layer again.
const KEPT_VENDORED = 2;

function newestVendored(images: readonly OwnImage[], appId: string): OwnImage[] {
  return images
    .filter(({ labels }) => labels[LABEL.app] === appId && Boolean(labels[LABEL.vendor]))
    .sort((a, b) => b.createdAt - a.createdAt)
    .slice(0, KEPT_VENDORED);
}
