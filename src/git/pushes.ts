// Pushes under way: the daemon's end of the pre-receive hook. Each git process of a push has pipes of its own for it; the
// hook brings the refs, has the build queued, and gets the build's output to print. From the moment at which it is queued,
// the build does not depend on the push any more. docs/decisions/0150-the-hook-talks-over-inherited-pipes.md

import type { DeployOutcome, Deploys, RunningDeploy } from '../build/deploys.js';
import type { GitSource } from '../build/source.js';
import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import { type BuildId, newId } from '../ids.js';
import type { Logger } from '../log.js';
import { watchAccess } from '../platform/access-watch.js';
import type { Account } from '../platform/accounts.js';
import { type App, findAppFor } from '../platform/apps.js';
import { getBuild } from '../platform/builds.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { createTextCleaner } from './clean-text.js';
import type { HeldPushes } from './held-pushes.js';
import { type Hook, type HookPipes, hangUp, serveHook } from './hook-channel.js';
import { objectType } from './object-type.js';
import type { PushHead } from './push-head.js';
import { refusalReport, takesReport } from './push-report.js';
import { judgePush, notCommitLines, type RefUpdate } from './push-rules.js';
import { DetectedApp, followingText, MOOT, mootText, outcomeText } from './push-texts.js';
import { createPushTurns, type PushTurn } from './push-turns.js';
import { type GitPlace, HOOKS, packRepository, removeAllLeftovers, removeLeftovers } from './repository.js';
import { isShallow } from './shallow-roots.js';

/** One authorised push. */
export interface Push {
  /** Variables for its git process and the hooks of that. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Call when its head is read. Resolves when git may take it, or to the answer for its client when a newer push has made
   * it moot.
   */
  turn(): Promise<string | undefined>;
  /** Answers its hook; never rejects. */
  serve(pipes: HookPipes): Promise<void>;
  /** The client has gone: nothing more is said to it. A build that is queued goes on. */
  abandon(): void;
  /** Call when the git process has ended, or none is needed. */
  end(): Promise<void>;
}

export interface Pushes {
  /** Where repositories are. */
  readonly place: GitPlace;
  /** A client has asked for the refs to push to this repository. */
  expect(repository: string): void;
  /**
   * Access is checked again while the push runs; `onLost` is called when it is gone. `head` has read what the client said
   * by the time git's hook asks.
   */
  begin(push: { app: App; by: Account; repository: string; head: PushHead; onLost: () => void }): Push;
  /** Settles what the daemon before left. */
  start(): Promise<void>;
  /** Leaves the hooks that wait, which tell their pushers. */
  stop(): Promise<void>;
}

export interface PushDeps {
  readonly db: Database;
  readonly deploys: Pick<Deploys, 'start' | 'findPushed'>;
  readonly held: HeldPushes;
  readonly place: GitPlace;
  /** The node program that runs the proc-receive hook. */
  readonly nodePath: string;
  readonly log: Logger;
  readonly onStep?: OnStep | undefined;
}

interface OpenPush {
  readonly app: App;
  readonly by: Account;
  readonly repository: string;
  readonly head: PushHead;
  readonly gone: AbortController;
  readonly turn: PushTurn;
  /** To its hook, once git runs. */
  pipes: HookPipes | undefined;
  /** The deploy that was started for it. */
  own: RunningDeploy | undefined;
  /** To be called when git has ended. */
  settle: () => Promise<void>;
}

/** The pushes of this daemon. */
export function createPushes(deps: PushDeps): Pushes {
  const open = new Set<OpenPush>();
  const turns = createPushTurns();
  let isStopping = false;

  async function serve(push: OpenPush, pipes: HookPipes): Promise<void> {
    push.pipes = pipes;
    if (isStopping) return hangUp(pipes);
    await serveHook(pipes, async (hook) => {
      hook.closed.addEventListener('abort', () => push.gone.abort(new Error('the hook has gone')));
      const isAccepted = await decide(deps, push, hook).catch(async (error: unknown) => {
        if (!push.gone.signal.aborted) await hook.say(lines(failureLines(error, deps.log)));
        return false;
      });
      if (isAccepted) deps.onStep?.('push-accepted');
      return isAccepted ? 0 : 1;
    }).catch((error: unknown) => deps.log.error({ err: error }, 'pre-receive hook failed'));
  }

  return {
    place: deps.place,
    expect: turns.expect,
    begin({ app, by, repository, head, onLost }) {
      deps.onStep?.('push-received');
      const push: OpenPush = {
        app,
        by,
        repository,
        head,
        gone: new AbortController(),
        turn: turns.of(repository),
        pipes: undefined,
        own: undefined,
        settle: async () => undefined,
      };
      open.add(push);
      const watch = watchAccess(deps.db, {
        ...{ by, app, log: deps.log },
        onLost() {
          void push.own?.cancel('access to the app was lost');
          onLost();
        },
      });
      return {
        env: { PAAS_HOOKS: HOOKS, PAAS_NODE: deps.nodePath },
        turn: () => waitForTurn(push),
        serve: (pipes) => serve(push, pipes),
        abandon() {
          push.gone.abort(new Error('the client has gone'));
          push.turn.end();
        },
        async end() {
          watch[Symbol.dispose]();
          open.delete(push);
          push.turn.end();
          push.gone.abort(new Error('the push has ended'));
          const isLast = ![...open].some((other) => other.repository === repository);
          await push.settle();
          if (isLast) await removeLeftovers(repository, deps.db.now());
          if (isLast) await packRepository(deps.place, repository);
          if (push.own !== undefined) deps.onStep?.('push-settled');
        },
      };
    },
    async start() {
      await removeAllLeftovers(deps.place, deps.db.now());
      await deps.held.settleAll();
    },
    async stop() {
      isStopping = true;
      for (const { pipes, turn } of open) {
        if (pipes !== undefined) hangUp(pipes);
        turn.end();
      }
    },
  };
}

async function waitForTurn({ head, turn }: OpenPush): Promise<string | undefined> {
  const commands = head.commands();
  // As a client asks first whether it may push something large.
  if (commands?.updates.length === 0) return undefined;
  const verdict = commands !== undefined && takesReport(commands) ? judgePush(commands.updates) : undefined;
  // What came with tags is left to git, which keeps those.
  if (commands?.updates.length !== 1 || verdict?.kind !== 'deploy') {
    await turn.wait(undefined);
    return undefined;
  }
  const { ref, newId: commit } = verdict.update;
  const mootBy = await turn.wait({ commit, ref });
  return mootBy && refusalReport(commands, { text: mootText(mootBy), reason: MOOT });
}

/** Whether the refs may move: judges them, has the commit built, waits for what becomes of it. */
async function decide(deps: PushDeps, push: OpenPush, hook: Hook): Promise<boolean> {
  const { request, say } = hook;
  deps.onStep?.('refs-received');
  const verdict = judgePush(request.updates);
  if (verdict.kind !== 'deploy') {
    await say(lines(verdict.lines));
    return verdict.kind === 'keep';
  }
  const { ref, newId: commit } = verdict.update;
  const object = { repository: push.repository, id: commit, env: request.objectEnv };
  if ((await objectType(deps.place, object)) !== 'commit') {
    await say(lines(notCommitLines(ref)));
    return false;
  }
  const app = findAppFor(deps.db, push.by, push.app.id);
  // After a cut connection the same push comes again.
  const present = deps.deploys.findPushed({ appId: app.id, commit, ref });
  if (present !== undefined) await say(followingText(present.buildId));
  const deploy = present ?? (await startDeploy(deps, push, { app, update: verdict.update, hook }));
  push.turn.end();
  const detected = new DetectedApp();
  const outcome = await follow(deploy, hook, detected);
  const release = hasRelease(deps.db, deploy.buildId);
  await say(outcomeText(outcome, { ref, hasRelease: release, detected: detected.name }));
  return outcome.kind === 'released';
}

async function startDeploy(
  deps: PushDeps,
  push: OpenPush,
  options: { app: App; update: RefUpdate; hook: Hook },
): Promise<RunningDeploy> {
  const { held, deploys } = deps;
  const { app, hook, update } = options;
  const { repository } = push;
  const id = newId<BuildId>();
  const { objectEnv } = hook.request;
  const objects = await held.hold({ repository, buildId: id, objectEnv });
  const branch = { ref: update.ref, oldId: update.oldId };
  const source: GitSource = {
    kind: 'git',
    repositoryPath: repository,
    commit: update.newId,
    objectEnv: objects,
    branch,
  };
  const pushed = { repository, commit: update.newId, objectEnv: objects };
  if (push.head.mayBeShallow() && (await isShallow(deps.place, pushed)))
    push.settle = held.leaveToGit(source);
  try {
    await held.checkNow(source);
    // A push that was cut before this point leaves nothing; behind it the build goes on.
    push.gone.signal.throwIfAborted();
    push.own = deploys.start({ id, app, by: push.by, source, after: push.turn.calm() });
    push.turn.queued({
      ...{ id, done: push.own.done },
      isFollowed: (wanted) => deploys.findPushed({ appId: app.id, ...wanted }) !== undefined,
    });
    return push.own;
  } catch (error) {
    await held.forget(repository, id);
    throw error;
  }
}

/** Prints the deploy's output for as long as somebody reads it. */
async function follow(
  deploy: RunningDeploy,
  { say, closed }: Hook,
  detected: DetectedApp,
): Promise<DeployOutcome> {
  const clean = createTextCleaner();
  for await (const chunk of deploy.output()) {
    if (closed.aborted) break;
    detected.read(chunk);
    await say(clean(chunk));
  }
  return await deploy.done;
}

function hasRelease(db: Database, buildId: BuildId): boolean {
  return getBuild(db, buildId)?.releaseId !== undefined;
}

function failureLines(error: unknown, log: Logger): string[] {
  if (!(error instanceof PaasError)) {
    log.error({ err: error }, 'push failed');
    return [' !     Something went wrong on the platform; its log says more. Nothing was deployed.'];
  }
  const hint = error.hint === undefined ? [] : [` !     ${error.hint}`];
  return [` !     Push rejected: ${error.message}`, ...hint];
}

function lines(texts: readonly string[]): string {
  return `${texts.join('\n')}\n`;
}
