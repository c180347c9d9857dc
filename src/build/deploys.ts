// Source in, image out, release made: what a push, an upload or an image does. Builds wait in a queue, run in containers, and
// tell all they do in one output that is kept, logged and followed. docs/decisions/0010 to 0014 say why it is so.
// In: an app, who deploys, a Source. Out: a RunningDeploy, whose outcome is a release or a reason.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../db/database.js';
import type { Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { BuildId } from '../ids.js';
import type { Logger } from '../log.js';
import type { Account } from '../platform/accounts.js';
import type { App } from '../platform/apps.js';
import { createBuild, findBuild, finishBuild, startBuild } from '../platform/builds.js';
import { keepDeclaredChecks } from '../platform/checks.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { createDeployRelease, getLatestConfig, type Release } from '../platform/releases.js';
import type { RolloutOutcome } from '../platform/rollout-outcome.js';
import { type BuildSettings, buildSlug } from './build.js';
import { BuildOutput, outputPath, readKeptOutput } from './output.js';
import { BuildQueue, type Wait } from './queue.js';
import type { Source } from './source.js';

export interface DeployRequest {
  readonly app: App;
  readonly by: Account;
  readonly source: Source;
  readonly description?: string;
}

export interface Deploys {
  /** Queues a deploy: one per app at a time. Everything after that, errors included, is in its output and outcome. */
  start(request: DeployRequest): RunningDeploy;
  /** A deploy that has not ended. */
  find(buildId: string): RunningDeploy | undefined;
  /** The output so far and what comes, of any build; of one that has ended, what is kept. */
  readOutput(buildId: string): AsyncIterable<string>;
  /** Cancels all and waits for their ends: the daemon stops. */
  stop(reason: string): Promise<void>;
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
  | { readonly kind: 'canceled' };

export interface DeployOptions {
  readonly db: Database;
  readonly engine: Engine;
  readonly log: Logger;
  readonly settings: BuildSettings;
  readonly timing: { readonly concurrency: number; readonly timeoutMs: number };
  readonly directories: { readonly builds: string; readonly tmp: string };
  /** A line for the app's log, as `app[build]`. */
  readonly writeLog: (line: { appId: string; source: 'app'; process: 'build'; text: string }) => void;
  readonly release: {
    readonly rollout: (release: Release, signal: AbortSignal) => AsyncGenerator<string, RolloutOutcome>;
    readonly appUrl: (app: App) => string;
  };
  readonly onStep?: OnStep | undefined;
}

/** The deploys of this daemon. Its two directories must exist. */
export function createDeploys(options: DeployOptions): Deploys {
  const queue = new BuildQueue({ concurrency: options.timing.concurrency });
  const running = new Map<string, Deploy>();
  return {
    start(request) {
      const deploy = new Deploy(options, queue, request);
      running.set(deploy.buildId, deploy);
      void deploy.done.finally(() => running.delete(deploy.buildId));
      return deploy;
    },
    find: (buildId) => running.get(buildId),
    readOutput: (buildId) =>
      running.get(buildId)?.output() ?? readKeptOutput(options.directories.builds, buildId),
    async stop(reason) {
      await Promise.all([...running.values()].map((deploy) => deploy.cancel(reason)));
    },
  };
}

/** One deploy, from the queue to the end of its rollout. */
class Deploy implements RunningDeploy {
  readonly buildId: BuildId;
  readonly done: Promise<DeployOutcome>;
  readonly #options: DeployOptions;
  readonly #request: DeployRequest;
  readonly #queue: BuildQueue;
  readonly #cancel = new AbortController();
  readonly #path: string;
  readonly #opened: Promise<BuildOutput>;
  readonly #removals: Promise<void>[] = [];

  constructor(options: DeployOptions, queue: BuildQueue, request: DeployRequest) {
    this.#options = options;
    this.#queue = queue;
    this.#request = request;
    const { source, app, by } = request;
    const commit = source.kind === 'git' ? source.commit : undefined;
    this.buildId = createBuild(options.db, { app, by, sourceKind: source.kind, commit }).id;
    options.onStep?.('build-queued');
    this.#path = outputPath(options.directories.builds, this.buildId);
    const onLine = (text: string) =>
      options.writeLog({ appId: app.id, source: 'app', process: 'build', text });
    this.#opened = BuildOutput.open({ path: this.#path, onLine });
    this.done = this.#run();
  }

  async *output(): AsyncGenerator<string> {
    const output = await this.#opened;
    yield* output.follow(this.#path);
  }

  async cancel(reason: string): Promise<void> {
    this.#cancel.abort(new PaasError('build_canceled', `The build was canceled: ${reason}.`));
    await this.done;
  }

  async #run(): Promise<DeployOutcome> {
    const { log } = this.#options;
    let output: BuildOutput | undefined;
    try {
      output = await this.#opened;
      const release = await this.#buildInTurn(output);
      return await this.#bringLive(release, output);
    } catch (error) {
      return await this.#fail(error, output);
    } finally {
      await Promise.all(this.#removals);
      await output?.end().catch((error: unknown) => log.error({ err: error }, 'build output not closed'));
    }
  }

  async #buildInTurn(output: BuildOutput): Promise<Release> {
    const { app } = this.#request;
    const { timing } = this.#options;
    const turn = await this.#queue.enter({
      appId: app.id,
      onWait: (wait) => void output.write(waitingText(wait, app, timing.concurrency)).catch(() => undefined),
      signal: this.#cancel.signal,
    });
    try {
      return await this.#build(output);
    } finally {
      turn.release();
    }
  }

  async #build(output: BuildOutput): Promise<Release> {
    const { db, engine, settings, timing, directories } = this.#options;
    const { app, by, source } = this.#request;
    startBuild(db, this.buildId);
    this.#options.onStep?.('build-started');
    const config = getLatestConfig(db, app.id);
    output.hide(config);
    const directory = join(directories.tmp, `build-${this.buildId}`);
    try {
      const steps = buildSlug({
        engine,
        settings,
        app,
        buildId: this.buildId,
        source,
        config,
        directory,
        discard: (containerId) => this.#discard(containerId),
        onStep: this.#options.onStep,
        signal: AbortSignal.any([this.#cancel.signal, timeLimit(timing.timeoutMs)]),
      });
      const built = await writeAll(steps, output);
      this.#options.onStep?.('image-committed');
      this.#cancel.signal.throwIfAborted();
      keepDeclaredChecks(db, { appId: app.id, buildId: this.buildId, checks: built.checks });
      const release = createDeployRelease(db, {
        app,
        by,
        image: built.image,
        commit: source.kind === 'git' ? source.commit : undefined,
        buildId: this.buildId,
        processTypes: built.processTypes,
        buildpacks: built.buildpacks,
        description: this.#request.description ?? describe(source, this.buildId),
      });
      this.#options.onStep?.('release-written');
      finishBuild(db, { id: this.buildId, status: 'succeeded', releaseId: release.id });
      return release;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  #discard(containerId: string): void {
    const { engine, log } = this.#options;
    const removal = engine.removeContainer(containerId).catch((error: unknown) => {
      log.warn({ err: error, containerId }, 'a container of a build was not removed; the next start does it');
    });
    this.#removals.push(removal);
  }

  async #bringLive(release: Release, output: BuildOutput): Promise<DeployOutcome> {
    const { rollout, appUrl } = this.#options.release;
    await output.write(`-----> Launching...\n       Released v${release.version}\n`);
    const outcome = await writeAll(rollout(release, this.#cancel.signal), output);
    this.#options.onStep?.('rollout-ended');
    if (outcome.kind === 'release-phase-failed') {
      const message = `The release command failed with exit code ${outcome.exitCode}; v${release.version} does not go live.`;
      await output.write(`\n !     ${message}\n`);
      return { kind: 'failed', message };
    }
    if (outcome.kind === 'unhealthy') {
      await output.write(`\n !     v${release.version} did not come up: ${outcome.reason}\n`);
      if (outcome.undoneBy !== undefined) {
        await output.write(
          ` !     The release before it goes on, as v${outcome.undoneBy} (automatic rollback)\n`,
        );
      }
      return { kind: 'failed', message: `v${release.version} did not come up: ${outcome.reason}` };
    }
    if (outcome.kind === 'superseded') {
      await output.write(`       A newer release than v${release.version} goes live instead\n`);
    } else {
      await output.write(`       ${appUrl(this.#request.app)} deployed\n`);
    }
    return { kind: 'released', release };
  }

  async #fail(error: unknown, output: BuildOutput | undefined): Promise<DeployOutcome> {
    const { log } = this.#options;
    const isCanceled = this.#cancel.signal.aborted;
    const { message, hint } = explain(isCanceled ? this.#cancel.signal.reason : error);
    if (!(error instanceof PaasError))
      log.error({ err: error, build: this.buildId }, 'build failed unexpectedly');
    const lines = [message, ...(hint === undefined ? [] : [hint])].join('\n').split('\n');
    const text = `\n${lines.map((line) => ` !     ${line}\n`).join('')}`;
    await output?.write(text).catch(() => undefined);
    this.#recordFailure(isCanceled ? 'canceled' : 'failed', message);
    return isCanceled ? { kind: 'canceled' } : { kind: 'failed', message };
  }

  #recordFailure(status: 'canceled' | 'failed', message: string): void {
    const { db, log } = this.#options;
    try {
      const build = findBuild(db, this.#request.app, this.buildId);
      // Once released, the build stays a success, whatever becomes of the rollout.
      if (build.finishedAt === undefined) finishBuild(db, { id: this.buildId, status, error: message });
    } catch (error) {
      // The builds of a destroyed app are gone with it.
      if (error instanceof PaasError && error.id === 'not_found') return;
      log.error({ err: error, build: this.buildId }, 'the end of a build was not recorded');
    }
  }
}

function explain(error: unknown): { message: string; hint: string | undefined } {
  if (error instanceof PaasError) return error;
  return {
    message: 'The build failed by an error of the platform, not of the app.',
    hint: 'Try again later.',
  };
}

function timeLimit(timeoutMs: number): AbortSignal {
  const controller = new AbortController();
  const minutes = Math.round(timeoutMs / 6000) / 10;
  const error = new PaasError(
    'build_failed',
    `The build was stopped at its time limit of ${minutes} minutes.`,
    {
      hint: 'Make the build quicker, or ask the operator to raise PAAS_BUILD_TIMEOUT_SECONDS.',
    },
  );
  setTimeout(() => controller.abort(error), timeoutMs).unref();
  return controller.signal;
}

function waitingText(wait: Wait, app: App, concurrency: number): string {
  const reason =
    wait.reason === 'same-app'
      ? `Another build of ${app.name} is running`
      : `${concurrency} ${concurrency === 1 ? 'build is' : 'builds are'} running, which is all at once`;
  return `-----> ${reason}; waiting (place ${wait.place})\n`;
}

function describe(source: Source, buildId: string): string {
  if (source.kind === 'image') return `Deploy image ${source.reference}`;
  if (source.kind === 'git') return `Deploy ${source.commit.slice(0, 8)}`;
  return `Deploy ${source.version ?? buildId.slice(0, 8)}`;
}

async function writeAll<Result>(steps: AsyncGenerator<string, Result>, output: BuildOutput): Promise<Result> {
  for (;;) {
    const step = await steps.next();
    if (step.done) return step.value;
    try {
      await output.write(step.value);
    } catch (error) {
      // What the steps have open is closed by their `finally`.
      await steps.throw(error);
      throw error;
    }
  }
}
