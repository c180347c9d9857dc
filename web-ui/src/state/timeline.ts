import type { Build, Release } from '../api/types.js';

/** A line of the history: a release (with the build that made it), or a build that made none. */
export type Moment =
  | { kind: 'release'; at: string; release: Release; build: Build | undefined }
  | { kind: 'build'; at: string; build: Build };

/** Puts releases and builds into one history, newest first. Builds older than the oldest release given are left out. */
export function timeline(releases: readonly Release[], builds: readonly Build[]): Moment[] {
  const byRelease = new Map<string, Build>();
  for (const build of builds) if (build.release) byRelease.set(build.release.id, build);
  const oldest = releases.at(-1)?.created_at ?? '';
  const moments: Moment[] = [
    ...releases.map((release): Moment => {
      return { kind: 'release', at: release.created_at, release, build: byRelease.get(release.id) };
    }),
    ...builds
      .filter((build) => !build.release && build.created_at >= oldest)
      .map((build): Moment => ({ kind: 'build', at: build.created_at, build })),
  ];
  return moments.toSorted((a, b) => b.at.localeCompare(a.at));
}

/** The commit of a release, as short as git shows it; undefined for config changes and images. */
export function commitOf(release: Pick<Release, 'slug' | 'description'>, build?: Build): string | undefined {
  const deployed = /^Deploy ([0-9a-f]{7,40})\b/.exec(release.description)?.[1];
  const full = build?.source_blob?.version ?? deployed ?? release.slug?.commit ?? undefined;
  return full ? shortCommit(full) : undefined;
}

/**
 * The commit of the code that a release runs. A config change or rollback keeps the code of an earlier release:
 * its commit is then that of the newest release with the same code that names one.
 */
export function codeCommit(
  release: Release,
  history: { releases: readonly Release[]; builds: readonly Build[] },
): string | undefined {
  const sameCode = history.releases.filter(
    (other) => other.slug !== null && other.slug.id === release.slug?.id,
  );
  for (const candidate of [release, ...sameCode]) {
    const build = history.builds.find((other) => other.release?.id === candidate.id);
    const commit = commitOf(candidate, build);
    if (commit) return commit;
  }
  return undefined;
}

/** Cuts a commit id to 8 characters; other versions are kept. */
export function shortCommit(version: string): string {
  return /^[0-9a-f]{12,64}$/.test(version) ? version.slice(0, 8) : version;
}
