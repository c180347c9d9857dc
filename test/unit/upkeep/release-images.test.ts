import { describe, expect, it } from 'vitest';
import type { Release } from '../../../src/platform/releases.js';
import { type OwnImage, planImages } from '../../../src/upkeep/release-images.js';

const nowMs = 10 * 3600_000;

// Only these fields are read.
const release = (version: number, status: Release['status'] = 'succeeded', image = `sha256:${version}`) =>
  ({ version, status, image }) as unknown as Release;
const image = (id: string, app: string, more: Partial<OwnImage> = {}): OwnImage => ({
  id,
  tags: [],
  labels: { 'paas.app': app },
  createdAt: 0,
  ...more,
});

function plan(options: {
  releases?: Record<string, Release[]>;
  images: OwnImage[];
  used?: string[];
  keptReleases?: number;
}) {
  const result = planImages({
    releases: new Map(Object.entries(options.releases ?? { a: [] })),
    images: options.images,
    present: new Set(options.images.map(({ id }) => id)),
    usedImages: new Set(options.used),
    keptReleases: options.keptReleases ?? 10,
    tagPrefix: 'paas-x/',
    nowMs,
  });
  return {
    remove: result.remove,
    expired: result.expired.map(({ version }) => version),
    revived: result.revived.map(({ version }) => version),
  };
}

describe('planImages', () => {
  const many = Array.from({ length: 14 }, (_, index) =>
    release(14 - index, index === 1 ? 'failed' : 'succeeded'),
  );
  const imagesOf = (releases: Release[]) => releases.map((it) => image(it.image ?? '', 'a'));

  it('keeps the current release and ten before it, pending ones and what runs; the others expire', () => {
    expect(plan({ releases: { a: many }, images: imagesOf(many), used: ['sha256:1'] })).toEqual({
      remove: ['sha256:13', 'sha256:2'],
      expired: [2],
      revived: [],
    });
  });

  it.each([
    [1, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]],
    [12, []],
  ])('keeps %d as set', (keptReleases, expired) => {
    expect(plan({ releases: { a: many }, images: imagesOf(many), keptReleases }).expired).toEqual(expired);
  });

  it('takes the image of an expired release however young it is', () => {
    const young = many.map((it) => image(it.image ?? '', 'a', { createdAt: nowMs }));
    expect(plan({ releases: { a: many }, images: young, keptReleases: 11 }).remove).toEqual([
      'sha256:13',
      'sha256:1',
    ]);
  });

  it('expires a release whose image somebody removed, and goes further back for the kept ones', () => {
    const releases = [5, 4, 3, 2, 1].map((version) => release(version));
    const images = imagesOf(releases).filter(({ id }) => id !== 'sha256:4');
    expect(plan({ releases: { a: releases }, images, keptReleases: 2 })).toEqual({
      remove: ['sha256:1'],
      expired: [1, 4],
      revived: [],
    });
  });

  it('never expires the current release, though its image is gone: the one before must not take its place', () => {
    expect(plan({ releases: { a: [release(2), release(1)] }, images: [image('sha256:1', 'a')] })).toEqual({
      remove: [],
      expired: [],
      revived: [],
    });
  });

  it('revives what expired and is there again, such as after a restore of images', () => {
    const releases = [release(3), release(2, 'expired'), release(1, 'expired')];
    expect(plan({ releases: { a: releases }, images: [image('sha256:2', 'a')] }).revived).toEqual([2]);
  });

  it('keeps an image that a kept release shares with an older one', () => {
    const releases = [release(3), release(2, 'succeeded', 'sha256:1'), release(1)];
    expect(
      plan({ releases: { a: releases }, images: [image('sha256:1', 'a')], keptReleases: 1 }),
    ).toMatchObject({ remove: [], expired: [] });
  });

  it('keeps the newest two images of vendored runtimes of an app', () => {
    const vendored = (id: string, createdAt: number) =>
      image(id, 'a', { createdAt, labels: { 'paas.app': 'a', 'paas.vendor': id } });
    const images = [vendored('old', 1), vendored('newest', 3), vendored('newer', 2), image('slug', 'a')];
    expect(plan({ images }).remove).toEqual(['old', 'slug']);
  });

  it('takes the images of a destroyed app at once, and leaves young ones of a live app', () => {
    const images = [
      image('sha256:x', 'gone', { createdAt: nowMs }),
      image('sha256:y', 'a', { createdAt: nowMs - 1000 }),
      image('sha256:z', 'a'),
    ];
    expect(plan({ images }).remove).toEqual(['sha256:x', 'sha256:z']);
  });

  it('leaves a young pulled image, which has no label, to the build that has just tagged it', () => {
    const pulled = (app: string) =>
      image(`sha256:${app}`, '', { tags: [`paas-x/${app}:1`], createdAt: nowMs });
    expect(plan({ images: [pulled('a'), pulled('gone')] }).remove).toEqual(['paas-x/gone:1']);
  });

  it("takes only our tags: an operator's tag on our image, or on one made from it, stays", () => {
    const images = [
      image('sha256:1', 'gone', { tags: ['paas-x/a:1', 'backup/a:1'] }),
      image('sha256:2', 'gone', { tags: ['mine/derived:1'] }),
    ];
    expect(plan({ images }).remove).toEqual(['paas-x/a:1']);
  });
});
