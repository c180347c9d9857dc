// Pushes under way: the daemon's end of the pre-receive hook. A push is known by a secret that only its own git
// process has; its hook brings the refs, waits its turn, and gets the build's output to print.

import { nanoid } from 'nanoid';
import type { Deploys } from '../build/deploys.js';
import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { BuildId } from '../ids.js';
import type { Logger } from '../log.js';
import type { Account } from '../platform/accounts.js';
import { type App, findAppFor } from '../platform/apps.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { listReleases } from '../platform/releases.js';
import { createTextCleaner } from './clean-text.js';
import { createHookSocket, type Hook } from './hook-socket.js';
import { DEPLOY_REFS, judgePush, notCommitLines, staleLines } from './push-rules.js';
import {
  type GitPlace,
  HOOK_PROGRAM,
  keepOnlyBranch,
  objectType,
  packRepository,
  readRef,
  removeAllLeftovers,
  removeLeftovers,
} from './repository.js';
import { createTurns, type Turns } from './turns.js';

/** One authorised push. */
export interface Push {
  /** Variables for its git process, by which the hook finds back. */
  readonly env: Readonly<Record<string, string>>;
  /** The release is made: from now on the push must be let finish, whatever happens to the client. */
  hasDeployed(): boolean;
  /** The client has gone: ends the build. */
  abandon(): void;
  /** Call when the git process has ended: the next push of the app has its turn. */
  end(): Promise<void>;
}

export interface Pushes {
  /** Where repositories are. */
  readonly place: GitPlace;
  /** Whose access is checked again while the push runs; `onLost` is called when it is gone. */
  begin(push: { app: App; by: Account; repository: string; onLost: () => void }): Push;
  /** Listens for hooks. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface PushDeps {
  readonly db: Database;
  readonly deploys: Pick<Deploys, 'start'>;
  readonly place: GitPlace;
  /** Path of the socket that hooks connect to. */
  readonly socketPath: string;
  /** The node program that runs the hook. */
  readonly nodePath: string;
  readonly log: Logger;
  readonly onStep?: OnStep | undefined;
}

const ACCESS_CHECK_MS = 4000;

interface OpenPush {
  readonly app: App;
  readonly by: Account;
  readonly repository: string;
  readonly gone: AbortController;
  endTurn: () => void;
  deployedRef: string | undefined;
  /** The build that was started for it. */
  buildId: BuildId | undefined;
}

/** The pushes of this daemon. */
export function createPushes(deps: PushDeps): Pushes {
  const open = new Map<string, OpenPush>();
  const turns = createTurns();
  const hooks = createHookSocket({ path: deps.socketPath, log: deps.log, serve });

  async function serve(hook: Hook): Promise<void> {
    const push = open.get(hook.request.pushId);
    if (push === undefined) return;
    hook.closed.addEventListener('abort', () => push.gone.abort(new Error('the hook has gone')));
    const isAccepted = await decide(deps, turns, push, hook).catch(async (error: unknown) => {
      if (!push.gone.signal.aborted) await hook.say(lines(failureLines(error, deps.log)));
      return false;
    });
    if (isAccepted) deps.onStep?.('push-accepted');
    await hook.exit(isAccepted ? 0 : 1);
  }

  return {
    place: deps.place,
    begin({ app, by, repository, onLost }) {
      const id = nanoid(40);
      const gone = new AbortController();
      const push: OpenPush = {
        app,
        by,
        repository,
        gone,
        endTurn: () => undefined,
        deployedRef: undefined,
        buildId: undefined,
      };
      open.set(id, push);
      const watch = setInterval(() => {
        if (!hasAccess(deps.db, push)) onLost();
      }, ACCESS_CHECK_MS);
      watch.unref();
      deps.onStep?.('push-received');
      return {
        env: hookEnv(deps, id),
        hasDeployed: () => push.deployedRef !== undefined || hasRelease(deps.db, push),
        abandon: () => gone.abort(new Error('the client has gone')),
        async end() {
          if (push.deployedRef !== undefined) deps.onStep?.('branch-moved');
          clearInterval(watch);
          open.delete(id);
          gone.abort(new Error('the push has ended'));
          const isLast = ![...open.values()].some((other) => other.repository === repository);
          await settle(deps.place, push, isLast).finally(push.endTurn);
          if (push.deployedRef !== undefined) deps.onStep?.('push-settled');
        },
      };
    },
    async start() {
      await removeAllLeftovers(deps.place);
      await hooks.start();
    },
    stop: () => hooks.stop(),
  };
}

function hookEnv(deps: PushDeps, pushId: string): Record<string, string> {
  return {
    PAAS_PUSH_ID: pushId,
    PAAS_HOOK_SOCKET: deps.socketPath,
    PAAS_HOOK_PROGRAM: HOOK_PROGRAM,
    PAAS_NODE: deps.nodePath,
  };
}

type Say = (text: string) => Promise<void>;

/** Whether the refs may move: judges them, waits for the push's turn, builds. */
async function decide(
  deps: PushDeps,
  turns: Turns,
  push: OpenPush,
  { request, say }: Hook,
): Promise<boolean> {
  const verdict = judgePush(request.updates);
  if (verdict.kind !== 'deploy') {
    await say(lines(verdict.lines));
    return verdict.kind === 'keep';
  }
  const { ref, oldId, newId } = verdict.update;
  deps.onStep?.('refs-received');
  if (turns.ahead(push.app.id) > 0) {
    await say('-----> Waiting: another push to this app is being deployed\n');
  }
  push.endTurn = await turns.take(push.app.id, push.gone.signal);
  // The push may have ended in the very moment in which its turn came.
  if (push.gone.signal.aborted) push.endTurn();
  push.gone.signal.throwIfAborted();
  const app = findAppFor(deps.db, push.by, push.app.id);
  const present = (await readRef(deps.place, push.repository, ref)) ?? '0'.repeat(oldId.length);
  if (present !== oldId) {
    await say(lines(staleLines(ref)));
    return false;
  }
  const object = { repository: push.repository, id: newId, env: request.objectEnv };
  if ((await objectType(deps.place, object)) !== 'commit') {
    await say(lines(notCommitLines(ref)));
    return false;
  }
  const isReleased = await deploy(deps, push, { app, commit: newId, objectEnv: request.objectEnv, say });
  if (isReleased) push.deployedRef = ref;
  return isReleased;
}

async function deploy(
  deps: PushDeps,
  push: OpenPush,
  options: { app: App; commit: string; objectEnv: Readonly<Record<string, string>>; say: Say },
): Promise<boolean> {
  const { app, commit, objectEnv, say } = options;
  const { signal } = push.gone;
  signal.throwIfAborted();
  const source = { kind: 'git', repositoryPath: push.repository, commit, objectEnv } as const;
  const running = deps.deploys.start({ app, by: push.by, source });
  push.buildId = running.buildId;
  const cancel = () => {
    running.cancel('the client has gone').catch((error: unknown) => {
      deps.log.error({ err: error, build: running.buildId }, 'build could not be canceled');
    });
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const clean = createTextCleaner();
    for await (const chunk of running.output()) await say(clean(chunk));
    const outcome = await running.done;
    if (outcome.kind === 'canceled') await say(' !     The build was canceled.\n');
    return outcome.kind === 'released';
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

// The release is made before its rollout is over.
function hasRelease(db: Database, push: OpenPush): boolean {
  const { buildId } = push;
  return (
    buildId !== undefined &&
    listReleases(db, push.app.id, { limit: 10 }).some((release) => release.buildId === buildId)
  );
}

async function settle(place: GitPlace, push: OpenPush, isLast: boolean): Promise<void> {
  if (isLast) await removeLeftovers(push.repository);
  if (push.deployedRef !== undefined) await settleBranches(place, push, push.deployedRef);
  if (isLast) await packRepository(place, push.repository);
}

async function settleBranches(place: GitPlace, push: OpenPush, deployed: string): Promise<void> {
  const other = DEPLOY_REFS.find((ref) => ref !== deployed);
  const hasMoved = (await readRef(place, push.repository, deployed)) !== undefined;
  if (other !== undefined && hasMoved) await keepOnlyBranch(place, push.repository, { deployed, other });
}

function hasAccess(db: Database, push: OpenPush): boolean {
  try {
    findAppFor(db, push.by, push.app.id);
    return true;
  } catch (error) {
    if (error instanceof PaasError && error.id === 'not_found') return false;
    throw error;
  }
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
