// What a push brought, kept beside the repository until its build is over, and how the branch comes to name it then.
// Git keeps received objects only as long as its own process lives; a build that waits outlives both the client and the
// daemon. docs/decisions/0086-pushed-objects-are-held.md

import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Branches, GitSource } from '../build/source.js';
import type { Database } from '../db/database.js';
import type { Logger } from '../log.js';
import { linkObjects } from './link-objects.js';
import { DEPLOY_REFS, staleError } from './push-rules.js';
import {
  type GitPlace,
  heldDirectory,
  keepOnlyBranch,
  readRef,
  removeObjectDirectory,
  runGit,
} from './repository.js';
import { settleHeldPushes } from './settle-held-pushes.js';
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
  leaveToGit(source: GitSource): () => Promise<void>;
  /** As `check`, before the build is queued: waits for nothing. */
  checkNow(source: GitSource): Promise<void>;
  /** Forgets what `hold` kept for a build that never was. */
  forget(repository: string, buildId: string): Promise<void>;
  /** At start, before any build: does what the daemon before did not get to. */
  settleAll(): Promise<void>;
}

/**
 * A branch moves when the deploy of the pushed commit has succeeded, and only then. After a restart the database tells
 * what became of it.
 */
export function createHeldPushes(deps: { db: Database; place: GitPlace; log: Logger }): HeldPushes {
  const { db, place, log } = deps;
  const left = new Map<string, { repository: string; over: Promise<void>; moves?: boolean }>();

  async function end(source: GitSource, { moves }: { moves: boolean }): Promise<void> {
    const held = source.objectEnv['GIT_OBJECT_DIRECTORY'];
    if (held === undefined) return;
    try {
      if (moves) await moveBranch(place, source, held);
      await removeObjectDirectory(held);
    } catch (error) {
      log.error({ err: error, source }, 'a branch was not moved; the next start does it');
    }
  }

  return {
    async settle(source, outcome) {
      const git = left.get(buildIdOf(source));
      if (git === undefined) await end(source, outcome);
      else git.moves = outcome.moves;
    },
    async check(source) {
      const before = [...left].filter(
        ([id, push]) => push.repository === source.repositoryPath && id !== buildIdOf(source),
      );
      await Promise.all(before.map(([, { over }]) => over));
      await checkBranch(place, source, { isStrict: left.has(buildIdOf(source)) });
    },
    checkNow: (source) => checkBranch(place, source, { isStrict: left.has(buildIdOf(source)) }),
    async hold({ repository, buildId, objectEnv }) {
      const held = join(heldDirectory(repository), buildId);
      const quarantine = objectEnv['GIT_QUARANTINE_PATH'];
      mkdirSync(held, { recursive: true, mode: 0o700 });
      try {
        // Git makes none for a push of objects that are all there.
        if (quarantine !== undefined && existsSync(quarantine)) linkObjects(quarantine, held);
      } catch (error) {
        await removeObjectDirectory(held);
        throw error;
      }
      return {
        GIT_OBJECT_DIRECTORY: held,
        GIT_ALTERNATE_OBJECT_DIRECTORIES: join(repository, 'objects'),
      };
    },
    leaveToGit(source) {
      const id = buildIdOf(source);
      let open: () => void = () => undefined;
      const over = new Promise<void>((resolve) => {
        open = resolve;
      });
      left.set(id, { repository: source.repositoryPath, over });
      return async () => {
        const moves = left.get(id)?.moves;
        if (!left.delete(id)) return;
        // Undefined while the deploy goes on: it ends it then.
        if (moves !== undefined) await end(source, { moves });
        open();
      };
    },
    forget: (repository, buildId) => removeObjectDirectory(join(heldDirectory(repository), buildId)),
    settleAll: () => settleHeldPushes({ db, place, end }),
  };
}

/** `isStrict`: git itself is to move the branch, which it does from the commit that the pusher saw and no other. */
async function checkBranch(
  place: GitPlace,
  source: GitSource,
  { isStrict }: { isStrict: boolean },
): Promise<void> {
  const { repositoryPath: repository, commit, branch, objectEnv } = source;
  if (branch === undefined) return;
  const present = readRef(repository, branch.ref);
  const isAsSeen = (present ?? '0'.repeat(branch.oldId.length)) === branch.oldId;
  if (isAsSeen || (present === commit && !isStrict)) return;
  if (present === undefined || isStrict) throw staleError(branch.ref);
  // What was deployed meanwhile may be in the history of this commit: then nobody's work is lost.
  const args = ['--git-dir', repository, 'merge-base', '--is-ancestor', present, commit];
  await runGit(place, args, objectEnv).catch(() => {
    throw staleError(branch.ref);
  });
}

async function moveBranch(place: GitPlace, source: GitSource, held: string): Promise<void> {
  const { repositoryPath: repository, commit, branch } = source;
  if (branch === undefined || readRef(repository, branch.ref) === commit) return;
  linkObjects(held, join(repository, 'objects'));
  await addShallowRoots(place, { repository, commit, held });
  await runGit(place, ['--git-dir', repository, 'update-ref', branch.ref, commit]);
  const other = DEPLOY_REFS.find((ref) => ref !== branch.ref);
  if (other !== undefined) await keepOnlyBranch(place, repository, { deployed: branch.ref, other });
}

function buildIdOf(source: GitSource): string {
  return basename(source.objectEnv['GIT_OBJECT_DIRECTORY'] ?? '');
}
