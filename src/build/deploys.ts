// Source in, image out, release made: what a push, an upload or an image does. Builds wait in a queue that is kept in the
// database, run in containers, and tell all they do in one output that is kept, logged and followed.
// docs/decisions/0010 to 0014 and 0085 say why it is so.
// In: an app, who deploys, a Source. Out: a RunningDeploy, whose outcome is a release or a reason.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../db/database.js';
import type { BuildId } from '../ids.js';
import type { Logger } from '../log.js';
import { type Account, getAccount } from '../platform/accounts.js';
import { type App, getApp } from '../platform/apps.js';
import {
  type Build,
  createBuild,
  finishBuild,
  listUnfinishedBuilds,
  requeueBuild,
} from '../platform/builds.js';
import { onChange } from '../platform/changes.js';
import type { OnStep } from '../platform/deploy-steps.js';
import type { Release } from '../platform/releases.js';
import type { RolloutOutcome } from '../platform/rollout-outcome.js';
import type { BuildJob, Built } from './build.js';
import { Deploy } from './deploy.js';
import { readKeptOutput } from './output.js';
import { BuildQueue } from './queue.js';
import { type Branches, readStoredSource, type Source, storeSource } from './source.js';

export interface DeployRequest {
  /** A new one when undefined. */
  readonly id?: BuildId | undefined;
  readonly app: App;
  readonly by: Account;
  readonly source: Source;
  readonly description?: string | undefined;
  /** It enters the queue when this has ended. Never rejects. */
  readonly after?: Promise<void> | undefined;
}

export interface Deploys {
  /** Before `start`: throws what is known already to be wrong with the source, or that no build may begin. */
  check(source: Source): Promise<void>;
  /**
   * Queues a deploy, which takes over the source's file: one per app runs at a time, and of those that wait the newest
   * takes the place of the others of its app. Everything after that, errors included, is in its output and outcome.
   */
  start(request: DeployRequest): RunningDeploy;
  /** A deploy that has not ended. */
  find(buildId: string): RunningDeploy | undefined;
  /** The newest deploy of this commit to the app's branch that has not ended. */
  findPushed(push: { appId: string; commit: string; ref: string }): RunningDeploy | undefined;
  /** The output so far and what comes, of any build; of one that has ended, what is kept. */
  readOutput(buildId: string): AsyncIterable<string>;
  /** At start, before any other deploy: takes up the queue that the daemon before left, in its order. */
  resume(): Promise<void>;
  /** The daemon stops: what runs is ended and goes on after the next start. */
  stop(): Promise<void>;
}

export interface RunningDeploy {
  readonly buildId: BuildId;
  /** Chunks of text from the start until the rollout is over. Any number of readers. */
  output(): AsyncIterable<string>;
  /** Never rejects. */
  readonly done: Promise<DeployOutcome>;
  /** Kills the build and waits for its end. A release that is made already stays, and goes live by itself. */
  cancel(reason: string): Promise<void>;
}

export type DeployOutcome =
  | { readonly kind: 'released'; readonly release: Release }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'canceled'; readonly message: string }
  /** The daemon stops; the next one goes on with it. */
  | { readonly kind: 'interrupted' };

export interface DeployOptions {
  readonly db: Database;
  readonly log: Logger;
  /** Makes the image; `buildSlug` with the engine and the settings of this server. */
  readonly build: (job: BuildJob) => AsyncGenerator<string, Built>;
  readonly check: (source: Source) => Promise<void>;
  readonly removeContainer: (containerId: string) => Promise<void>;
  readonly branches: Branches;
  readonly timing: { readonly concurrency: number; readonly timeoutMs: number };
  /** `uploads` is where archives of builds are, named `build-…`. */
  readonly directories: { readonly builds: string; readonly tmp: string; readonly uploads: string };
  /** A line for the app's log, as `app[build]`. */
  readonly writeLog: (line: { appId: string; source: 'app'; process: 'build'; text: string }) => void;
  readonly release: {
    readonly rollout: (release: Release, signal: AbortSignal) => AsyncGenerator<string, RolloutOutcome>;
    readonly appUrl: (app: App) => string;
  };
  readonly onStep?: OnStep | undefined;
}

/** A build that dies with the daemon is tried once more, not for ever: it may be what kills it. */
const MAX_ATTEMPTS = 2;

/** The deploys of this daemon. Its directories must exist. */
export function createDeploys(options: DeployOptions): Deploys {
  const { db, directories } = options;
  const queue = new BuildQueue({ concurrency: options.timing.concurrency });
  const running = new Map<string, Deploy>();

  function run(deploy: Deploy): Deploy {
    running.set(deploy.buildId, deploy);
    void deploy.done.finally(() => running.delete(deploy.buildId));
    return deploy;
  }

  function ofApp(appId: string): Deploy[] {
    return [...running.values()].filter((deploy) => deploy.app.id === appId);
  }

  onChange(db, ({ kind, appId }) => {
    if (kind !== 'app-destroyed') return;
    for (const deploy of ofApp(appId)) void deploy.cancel('the app was destroyed');
  });

  return {
    check: options.check,
    start(request) {
      const { app, by, source, after } = request;
      const build = createBuild(db, {
        ...request,
        sourceKind: source.kind,
        commit: source.kind === 'git' ? source.commit : undefined,
        source: storeSource(source),
      });
      options.onStep?.('build-queued');
      // First, so that the new one is told its place once.
      for (const other of ofApp(app.id)) other.supersede(build.id);
      return run(new Deploy(options, queue, { build, app, by, source, after }));
    },
    find: (buildId) => running.get(buildId),
    findPushed: ({ appId, commit, ref }) => ofApp(appId).findLast((deploy) => deploy.isOf(commit, ref)),
    readOutput: (buildId) => running.get(buildId)?.output() ?? readKeptOutput(directories.builds, buildId),
    async resume() {
      const builds = listUnfinishedBuilds(db);
      await removeOrphans(directories.uploads, builds);
      for (const build of builds) {
        const deploy = takeUp(options, queue, build);
        if (deploy !== undefined) run(deploy);
      }
    },
    async stop() {
      await Promise.all([...running.values()].map((deploy) => deploy.interrupt()));
    },
  };
}

/** Puts a build of the daemon before back into the queue, or marks it as failed when that is no use. */
function takeUp(options: DeployOptions, queue: BuildQueue, build: Build): Deploy | undefined {
  const { db, log } = options;
  // On a full disk nothing can be noted, which must not keep the daemon from starting: it is what frees the disk.
  const note = (write: () => void) => {
    try {
      write();
    } catch (error) {
      log.error({ err: error, build: build.id }, 'that a build is taken up, or is not, could not be noted');
    }
  };
  const app = getApp(db, build.appId);
  const by = getAccount(db, build.accountId);
  if (app === undefined || by === undefined || build.source === undefined) {
    const error = 'The build was interrupted by a restart.';
    note(() => finishBuild(db, { id: build.id, status: 'failed', error }));
    return undefined;
  }
  const hasRun = build.status === 'pending';
  const isHopeless = hasRun && build.attempts >= MAX_ATTEMPTS;
  if (hasRun) note(() => requeueBuild(db, build.id, { wasEndedInOrder: false }));
  return new Deploy(options, queue, {
    build,
    app,
    by,
    source: readStoredSource(build.source),
    resumed: isHopeless ? 'hopeless' : hasRun ? 'again' : undefined,
  });
}

/** Archives that no build waits for: the daemon died between the upload and the record of the build, or after its end. */
async function removeOrphans(directory: string, builds: readonly Build[]): Promise<void> {
  const kept = new Set(builds.flatMap(({ source }) => archiveOf(source)));
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (name.startsWith('build-') && !kept.has(path)) await rm(path, { force: true });
  }
}

function archiveOf(stored: string | undefined): string[] {
  const source = stored === undefined ? undefined : readStoredSource(stored);
  return source?.kind === 'archive' ? [source.path] : [];
}
