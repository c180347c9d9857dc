// One deploy, from the queue to the end of its rollout.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { anySignal } from '../any-signal.js';
import { PaasError } from '../errors.js';
import type { BuildId } from '../ids.js';
import type { Account } from '../platform/accounts.js';
import { type App, findAppFor } from '../platform/apps.js';
import { type Build, getBuild, requeueBuild, startBuild } from '../platform/builds.js';
import { getLatestConfig, type Release } from '../platform/releases.js';
import { recordFailure, recordRelease } from './deploy-records.js';
import {
  explain,
  failureText,
  RESTARTED_TEXT,
  rolloutText,
  stoppingText,
  timeLimitError,
  waitingText,
} from './deploy-texts.js';
import type { DeployOptions, DeployOutcome, RunningDeploy } from './deploys.js';
import { BuildOutput, outputPath } from './output.js';
import type { BuildQueue, Turn } from './queue.js';
import type { Source } from './source.js';

/** What is to be deployed. */
export interface DeployTask {
  readonly build: Build;
  readonly app: App;
  readonly by: Account;
  readonly source: Source;
  /** Of a build that the daemon before left: it is built again, or it died too often for that. */
  readonly resumed?: 'again' | 'hopeless' | undefined;
  /** It enters the queue when this has ended. */
  readonly after?: Promise<void> | undefined;
}

/** Begins at once: waits its turn, builds, releases. Owned by deploys.ts. */
export class Deploy implements RunningDeploy {
  readonly buildId: BuildId;
  readonly done: Promise<DeployOutcome>;
  readonly #options: DeployOptions;
  readonly #task: DeployTask;
  readonly #end = new AbortController();
  readonly #path: string;
  readonly #opened: Promise<BuildOutput>;
  readonly #turn: Promise<Turn>;
  readonly #removals: Promise<void>[] = [];
  #isWaiting = true;
  #isInterrupted = false;
  #release: Release | undefined;

  constructor(options: DeployOptions, queue: BuildQueue, task: DeployTask) {
    this.#options = options;
    this.#task = task;
    this.buildId = task.build.id;
    this.#path = outputPath(options.directories.builds, this.buildId);
    this.#opened = this.#open();
    // Here and not after a wait: who came first is built first.
    this.#turn = task.resumed === 'hopeless' ? Promise.reject(interruptedTooOften()) : this.#enter(queue);
    this.#turn.catch(() => undefined);
    this.done = this.#run();
  }

  get app(): App {
    return this.#task.app;
  }

  async *output(): AsyncGenerator<string> {
    const output = await this.#opened;
    yield* output.follow(this.#path);
  }

  async cancel(reason: string): Promise<void> {
    this.#end.abort(new PaasError('build_canceled', `The build was canceled: ${reason}.`));
    await this.done;
  }

  /** Ends it when it only waits: a newer one of its app has come. */
  supersede(by: BuildId): void {
    if (!this.#isWaiting) return;
    this.#end.abort(new PaasError('build_canceled', `Superseded by build ${by}, which is newer.`));
  }

  /** Ends it because the daemon stops; the next one takes it up. */
  async interrupt(): Promise<void> {
    this.#isInterrupted = true;
    this.#end.abort(new PaasError('build_canceled', 'The platform is being restarted.'));
    await this.done;
  }

  /** Whether it deploys this commit of this branch. */
  isOf(commit: string, ref: string): boolean {
    const { source } = this.#task;
    return source.kind === 'git' && source.commit === commit && source.branch?.ref === ref;
  }

  async #open(): Promise<BuildOutput> {
    const onLine = (text: string) =>
      this.#options.writeLog({ appId: this.app.id, source: 'app', process: 'build', text });
    const output = await BuildOutput.open({ path: this.#path, onLine });
    if (this.#task.resumed === 'again') await output.write(RESTARTED_TEXT);
    return output;
  }

  #enter(queue: BuildQueue): Promise<Turn> {
    const { concurrency } = this.#options.timing;
    const { signal } = this.#end;
    const enter = () =>
      queue.enter({
        appId: this.app.id,
        onWait: (wait) => {
          const text = waitingText(wait, { appName: this.app.name, concurrency });
          void this.#opened.then((output) => output.write(text)).catch(() => undefined);
        },
        signal,
      });
    const { after } = this.#task;
    if (after === undefined) return enter();
    const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    return Promise.race([after, ended]).then(enter);
  }

  async #run(): Promise<DeployOutcome> {
    const { log } = this.#options;
    let output: BuildOutput | undefined;
    try {
      output = await this.#opened;
      return await this.#deploy(await this.#turn, output);
    } catch (error) {
      return await this.#fail(error, output);
    } finally {
      // One that failed before its turn gives it back when it comes.
      void this.#turn.then((turn) => turn.release()).catch(() => undefined);
      await Promise.all(this.#removals);
      if (!this.#isInterrupted || this.#release !== undefined) await this.#discardArchive();
      await output?.end().catch((error: unknown) => log.error({ err: error }, 'build output not closed'));
    }
  }

  async #deploy(turn: Turn, output: BuildOutput): Promise<DeployOutcome> {
    this.#isWaiting = false;
    try {
      const release = await this.#build(output);
      turn.releaseSlot();
      // Before the branch has moved, the next push could not be judged.
      if (this.#task.source.kind !== 'git') turn.release();
      const outcome = await this.#bringLive(release, output);
      await this.#settleBranch({ moves: outcome.kind === 'released' });
      return outcome;
    } finally {
      turn.release();
    }
  }

  async #build(output: BuildOutput): Promise<Release> {
    const { db, branches, directories, timing, onStep } = this.#options;
    const { by, source } = this.#task;
    this.#end.signal.throwIfAborted();
    // Read now: while it waited the app may have changed, or gone.
    const app = findAppFor(db, by, this.#task.app.id);
    if (source.kind === 'git') await branches.check(source);
    startBuild(db, this.buildId);
    onStep?.('build-started');
    const config = getLatestConfig(db, app.id);
    output.hide(config);
    const directory = join(directories.tmp, `build-${this.buildId}`);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(timeLimitError(timing.timeoutMs)), timing.timeoutMs);
    using either = anySignal(this.#end.signal, limit.signal);
    try {
      const steps = this.#options.build({
        app,
        buildId: this.buildId,
        source,
        config,
        directory,
        discard: (containerId) => this.#discard(containerId),
        onStep,
        signal: either.signal,
      });
      const built = await writeAll(steps, output);
      onStep?.('image-committed');
      this.#end.signal.throwIfAborted();
      this.#release = recordRelease(db, { ...this.#task, app, built });
      onStep?.('release-written');
      return this.#release;
    } finally {
      clearTimeout(timer);
      await rm(directory, { recursive: true, force: true });
    }
  }

  #discard(containerId: string): void {
    const { removeContainer, log } = this.#options;
    const removal = removeContainer(containerId).catch((error: unknown) => {
      log.warn({ err: error, containerId }, 'a container of a build was not removed; the next start does it');
    });
    this.#removals.push(removal);
  }

  async #settleBranch(outcome: { moves: boolean }): Promise<void> {
    const { branches, onStep } = this.#options;
    const { source } = this.#task;
    if (source.kind !== 'git') return;
    await branches.settle(source, outcome);
    if (outcome.moves) onStep?.('branch-moved');
  }

  async #discardArchive(): Promise<void> {
    const { source } = this.#task;
    if (source.kind !== 'archive') return;
    await rm(source.path, { force: true }).catch((error: unknown) => {
      this.#options.log.warn({ err: error, build: this.buildId }, 'the source of a build was not removed');
    });
  }

  async #bringLive(release: Release, output: BuildOutput): Promise<DeployOutcome> {
    const { rollout, appUrl } = this.#options.release;
    await output.write(`-----> Launching...\n       Released v${release.version}\n`);
    const outcome = await writeAll(rollout(release, this.#end.signal), output);
    this.#options.onStep?.('rollout-ended');
    const { text, failure } = rolloutText(outcome, {
      version: release.version,
      url: appUrl(this.#task.app),
    });
    await output.write(text);
    return failure === undefined ? { kind: 'released', release } : { kind: 'failed', message: failure };
  }

  async #fail(error: unknown, output: BuildOutput | undefined): Promise<DeployOutcome> {
    if (this.#isInterrupted) return await this.#leave(output);
    const { log } = this.#options;
    const isCanceled = this.#end.signal.aborted;
    const cause: unknown = isCanceled ? this.#end.signal.reason : error;
    const { message } = explain(cause);
    if (!(error instanceof PaasError))
      log.error({ err: error, build: this.buildId }, 'build failed unexpectedly');
    await output?.write(failureText(cause)).catch(() => undefined);
    // A release that is made already goes live by itself.
    await this.#settleBranch({ moves: this.#release !== undefined });
    const status = isCanceled ? 'canceled' : 'failed';
    try {
      recordFailure(this.#options.db, { build: this.#task.build, status, message });
    } catch (failure) {
      log.error({ err: failure, build: this.buildId }, 'the end of a build was not recorded');
    }
    return { kind: status, message };
  }

  /** The daemon stops: says so, and leaves the build to the next one. */
  async #leave(output: BuildOutput | undefined): Promise<DeployOutcome> {
    const { db, log } = this.#options;
    const text = stoppingText(this.#release?.version, this.#task.app.name);
    await output?.write(text).catch(() => undefined);
    try {
      if (getBuild(db, this.buildId)?.status === 'pending')
        requeueBuild(db, this.buildId, { wasEndedInOrder: true });
    } catch (error) {
      log.error({ err: error, build: this.buildId }, 'a build was not put back into the queue');
    }
    return { kind: 'interrupted' };
  }
}

function interruptedTooOften(): PaasError {
  return new PaasError(
    'build_failed',
    'The build was interrupted by a restart of the platform, and so was its second try.',
    { hint: 'Deploy again.' },
  );
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
