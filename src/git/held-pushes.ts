// What a push brought, kept beside the repository until its build is over, and how the branch comes to name it then.
// Git keeps received objects only as long as its own process lives; a build that waits outlives both the client and the
// daemon. docs/decisions/0086-pushed-objects-are-held.md

import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Branches, type GitSource, readStoredSource } from '../build/source.js';
import type { Database } from '../db/database.js';
import type { Logger } from '../log.js';
import { type Build, getBuild } from '../platform/builds.js';
import { onChange } from '../platform/changes.js';
import { getRelease } from '../platform/releases.js';
import { linkObjects } from './link-objects.js';
import { DEPLOY_REFS, staleError } from './push-rules.js';
import {
  type GitPlace,
  keepOnlyBranch,
  readRef,
  removeObjectDirectory,
  repositoryPath,
  runGit,
} from './repository.js';
import { addShallowRoots } from './shallow-roots.js';

/** The objects of pushes whose builds are not over. */
export interface HeldPushes extends Branches {
  /** Keeps what git has in quarantine; gives the variables by which git finds it. Costs links, no copies. */
  hold(push: {
    repository: string;
    buildId: string;
    objectEnv: Readonly<Record<string, string>>;
  }): Promise<Readonly<Record<string, string>>>;
  /**
   * Leaves the branch to git until the returned function is called: only git itself can take a push from a shallow
   * clone while its client is there. The next push of the repository waits for that.
   */
  leaveToGit(repository: string, buildId: string): () => Promise<void>;
  /** As `check`, before the build is queued: waits for nothing. */
  checkNow(source: GitSource): Promise<void>;
  /** Forgets what `hold` kept for a build that never was. */
  forget(repository: string, buildId: string): Promise<void>;
  /** At start, before any build: does what the daemon before did not get to. */
  settleAll(): Promise<void>;
}

/**
 * A branch moves as soon as a release of the pushed commit is there, and only then: not while its release command
 * runs, and never when that failed. What is to be done is read from the database each time, so it can be done again.
 */
export function createHeldPushes(deps: { db: Database; place: GitPlace; log: Logger }): HeldPushes {
  const { db, place, log } = deps;
  const settling = new Map<string, Promise<void>>();
  const left = new Map<string, { repository: string; over: Promise<void> }>();

  /** One at a time for each repository. */
  function settle(repository: string, orphans: 'wait' | 'drop' = 'wait'): Promise<void> {
    const last = settling.get(repository) ?? Promise.resolve();
    const next = last.then(() => settleHeld(db, place, { repository, orphans, left }));
    const settled = next.catch((error: unknown) => {
      log.error({ err: error, repository }, 'a branch was not moved; the next push or start does it');
    });
    settling.set(repository, settled);
    void settled.then(() => {
      if (settling.get(repository) === settled) settling.delete(repository);
    });
    return settled;
  }

  onChange(db, ({ kind, appId }) => {
    const repository = repositoryPath(place, appId);
    if (kind === 'release-changed' && existsSync(heldDirectory(repository))) void settle(repository);
  });

  return {
    settle: (source) => settle(source.repositoryPath),
    async check(source) {
      const own = basename(source.objectEnv['GIT_OBJECT_DIRECTORY'] ?? '');
      const before = [...left].filter(
        ([id, push]) => push.repository === source.repositoryPath && id !== own,
      );
      await Promise.all(before.map(([, { over }]) => over));
      await settle(source.repositoryPath);
      await checkBranch(place, source);
    },
    checkNow: (source) => checkBranch(place, source),
    async hold({ repository, buildId, objectEnv }) {
      const held = join(heldDirectory(repository), buildId);
      const quarantine = objectEnv['GIT_QUARANTINE_PATH'];
      await mkdir(held, { recursive: true, mode: 0o700 });
      try {
        // Git makes none for a push of objects that are all there.
        if (quarantine !== undefined && existsSync(quarantine)) await linkObjects(quarantine, held);
      } catch (error) {
        await removeObjectDirectory(held);
        throw error;
      }
      return {
        GIT_OBJECT_DIRECTORY: held,
        GIT_ALTERNATE_OBJECT_DIRECTORIES: join(repository, 'objects'),
      };
    },
    leaveToGit(repository, buildId) {
      let end: () => void = () => undefined;
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      left.set(buildId, { repository, over });
      return async () => {
        if (!left.delete(buildId)) return;
        await settle(repository);
        end();
      };
    },
    forget: (repository, buildId) => removeObjectDirectory(join(heldDirectory(repository), buildId)),
    async settleAll() {
      const names = existsSync(place.repositories) ? await readdir(place.repositories) : [];
      for (const name of names) await settle(join(place.repositories, name), 'drop');
    },
  };
}

async function checkBranch(place: GitPlace, source: GitSource): Promise<void> {
  const { repositoryPath: repository, commit, branch, objectEnv } = source;
  if (branch === undefined) return;
  const present = await readRef(place, repository, branch.ref);
  if ((present ?? '0'.repeat(branch.oldId.length)) === branch.oldId || present === commit) return;
  if (present === undefined) throw staleError(branch.ref);
  // What was deployed meanwhile may be in the history of this commit: then nobody's work is lost.
  const args = ['--git-dir', repository, 'merge-base', '--is-ancestor', present, commit];
  await runGit(place, args, objectEnv).catch(() => {
    throw staleError(branch.ref);
  });
}

/** `orphans`: what becomes of objects whose build is not recorded; while pushes come in, it will be in a moment. */
async function settleHeld(
  db: Database,
  place: GitPlace,
  options: { repository: string; orphans: 'wait' | 'drop'; left: ReadonlyMap<string, unknown> },
): Promise<void> {
  const { repository, orphans, left } = options;
  const directory = heldDirectory(repository);
  const present = existsSync(directory) ? await readdir(directory) : [];
  const names = present.filter((name) => !left.has(name));
  const builds = names.map((name) => ({ held: join(directory, name), build: getBuild(db, name) }));
  builds.sort((a, b) => (a.build?.createdAt ?? 0) - (b.build?.createdAt ?? 0));
  for (const { held, build } of builds) {
    const fate = build === undefined ? orphans : fateOf(db, build);
    if (fate === 'wait') continue;
    const source = build?.source === undefined ? undefined : readStoredSource(build.source);
    if (fate === 'move' && source?.kind === 'git') await moveBranch(place, { ...source, held });
    await removeObjectDirectory(held);
  }
}

function fateOf(db: Database, build: Build): 'wait' | 'move' | 'drop' {
  if (build.status === 'queued' || build.status === 'pending') return 'wait';
  const release = build.releaseId === undefined ? undefined : getRelease(db, build.releaseId);
  if (release?.status === 'pending') return 'wait';
  return release?.status === 'succeeded' ? 'move' : 'drop';
}

async function moveBranch(place: GitPlace, source: GitSource & { held: string }): Promise<void> {
  const { repositoryPath: repository, commit, branch, held } = source;
  if (branch === undefined || (await readRef(place, repository, branch.ref)) === commit) return;
  await linkObjects(held, join(repository, 'objects'));
  await addShallowRoots(place, { repository, commit, held });
  await runGit(place, ['--git-dir', repository, 'update-ref', branch.ref, commit]);
  const other = DEPLOY_REFS.find((ref) => ref !== branch.ref);
  if (other !== undefined) await keepOnlyBranch(place, repository, { deployed: branch.ref, other });
}

function heldDirectory(repository: string): string {
  return join(repository, 'held');
}
