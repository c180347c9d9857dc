// The release phase: the command of process type `release`, run once in the new image with the new config vars before
// any traffic. Its end decides whether the release may run.

import { setTimeout as sleep } from 'node:timers/promises';
import { LABEL } from '../engine/container-spec.js';
import { EngineFailedError } from '../engine/docker-errors.js';
import type { Container } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { AppId, ReleaseId } from '../ids.js';
import { failRelease } from '../platform/failed-releases.js';
import { pendingReleases, type Release, setReleaseStatus } from '../platform/releases.js';
import { ImageGoneError } from './create-container.js';
import {
  beginReleaseCommand,
  followReleaseCommand,
  type ReleaseCommand,
  type ReleaseCommandDeps,
} from './release-command.js';
import { createTranscript, type Transcript } from './transcript.js';

export interface ReleasePhases {
  /**
   * Runs the phase of the oldest pending release of an app, or goes on with the one that runs, and removes what phases
   * that are recorded left of the containers given here; returns at once.
   */
  review(appId: AppId, containers: readonly Container[]): void;
  /** What the phase of this release prints, from the start, until the signal aborts; undefined when none runs here. */
  output(releaseId: ReleaseId, signal: AbortSignal): AsyncIterable<string> | undefined;
  /** The exit code of the command, once it has ended here. */
  exitCode(releaseId: ReleaseId): number | undefined;
}

export interface ReleasePhaseDeps extends ReleaseCommandDeps {
  /** Called when a phase of this app has ended. */
  readonly onEnd: (appId: AppId) => void;
  /** Time before the next try; undefined: as in production. */
  readonly retryMs?: number;
}

const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_EXIT_CODES = 1000;
const RETRY_MS = 5000;
/** Of an engine that answers and fails. */
const MAX_TRIES = 3;

export function createReleasePhases(deps: ReleasePhaseDeps): ReleasePhases {
  return new Phases(deps);
}

class Phases implements ReleasePhases {
  readonly #deps: ReleasePhaseDeps;
  readonly #running = new Map<ReleaseId, Transcript>();
  readonly #exitCodes = new Map<ReleaseId, number>();
  /** How often the engine failed at a phase. */
  readonly #failures = new Map<ReleaseId, number>();
  /** Containers that are being removed. */
  readonly #removing = new Set<string>();

  constructor(deps: ReleasePhaseDeps) {
    this.#deps = deps;
  }

  output(releaseId: ReleaseId, signal: AbortSignal): AsyncIterable<string> | undefined {
    return this.#running.get(releaseId)?.read(signal);
  }

  exitCode(releaseId: ReleaseId): number | undefined {
    return this.#exitCodes.get(releaseId);
  }

  review(appId: AppId, containers: readonly Container[]): void {
    const pending = pendingReleases(this.#deps.db, appId);
    const versions = new Set(pending.map(({ version }) => version));
    const phases = containers.filter(({ labels }) => isPhaseOf(appId, labels));
    const [release] = pending;
    if (release !== undefined) {
      const existing = phases.find((phase) => versionOf(phase) === release.version);
      this.#ensure(release, existing);
    }
    for (const phase of phases) if (!versions.has(versionOf(phase))) this.#remove(phase.id);
  }

  #ensure(release: Release, existing: Container | undefined): void {
    if (this.#running.has(release.id)) return;
    const transcript = createTranscript(MAX_OUTPUT_BYTES);
    this.#running.set(release.id, transcript);
    this.#run(release, existing, transcript).catch((error: unknown) =>
      this.#deps.log.error({ err: error }, 'release phase'),
    );
  }

  async #run(release: Release, existing: Container | undefined, transcript: Transcript): Promise<void> {
    const { signal, log, onStep, onEnd, retryMs = RETRY_MS } = this.#deps;
    try {
      const command = await this.#begin(release, existing, transcript);
      if (command === undefined) return;
      const exitCode = await followReleaseCommand(this.#deps, command, transcript);
      this.#rememberExitCode(release.id, exitCode);
      // A later pass removes the container: were it gone before this record, the command would run twice.
      this.#record(release, exitCode === 0 ? 'succeeded' : 'failed', transcript);
      onStep?.('release-phase-recorded');
    } catch (error) {
      if (signal.aborted) return;
      log.error({ err: error, release: release.id }, 'the release phase broke off; it is tried again');
      transcript.end();
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    } finally {
      transcript.end();
      this.#running.delete(release.id);
      onEnd(release.appId);
    }
  }

  /** Undefined when the command cannot run, which is recorded then. */
  async #begin(
    release: Release,
    existing: Container | undefined,
    transcript: Transcript,
  ): Promise<ReleaseCommand | undefined> {
    try {
      return await beginReleaseCommand(this.#deps, { release, existing, transcript });
    } catch (error) {
      if (!(error instanceof PaasError) || this.#mayTryAgain(release.id, error)) throw error;
      this.#deps.log.warn({ err: error, release: release.id }, 'a release command cannot run');
      const { message, hint = '' } = error;
      transcript.write(`The release command could not run: ${`${message} ${hint}`.trim()}\n`);
      this.#record(release, 'failed', transcript);
      return undefined;
    }
  }

  #record(release: Release, status: 'succeeded' | 'failed', transcript: Transcript): void {
    const { db } = this.#deps;
    const output = transcript.text();
    if (status === 'failed') failRelease(db, { release, output });
    else setReleaseStatus(db, { releaseId: release.id, status, output });
    this.#failures.delete(release.id);
  }

  #mayTryAgain(releaseId: ReleaseId, error: PaasError): boolean {
    if (error instanceof ImageGoneError || error.id === 'invalid_params') return false;
    const isAway = error.id === 'service_unavailable' && !(error instanceof EngineFailedError);
    if (isAway) return true;
    const failures = (this.#failures.get(releaseId) ?? 0) + 1;
    this.#failures.set(releaseId, failures);
    return failures < MAX_TRIES;
  }

  #remove(containerId: string): void {
    if (this.#removing.has(containerId)) return;
    this.#removing.add(containerId);
    this.#deps.engine
      .removeContainer(containerId)
      .catch((error: unknown) =>
        this.#deps.log.warn({ err: error }, 'a release phase was not removed; a later pass tries again'),
      )
      .finally(() => this.#removing.delete(containerId));
  }

  #rememberExitCode(releaseId: ReleaseId, exitCode: number): void {
    this.#exitCodes.set(releaseId, exitCode);
    const [oldest] = this.#exitCodes.keys();
    if (this.#exitCodes.size > MAX_EXIT_CODES && oldest !== undefined) this.#exitCodes.delete(oldest);
  }
}

function isPhaseOf(appId: AppId, labels: Container['labels']): boolean {
  return labels[LABEL.role] === 'release-phase' && labels[LABEL.app] === appId;
}

function versionOf({ labels }: Container): number {
  return Number(labels[LABEL.release]);
}
