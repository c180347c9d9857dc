// The release phase: the command of process type `release`, run once in the new image with the new config vars before
// any traffic. Its end decides whether the release may run.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import { LABEL, releasePhaseSpec } from '../engine/container-spec.js';
import type { Container, Engine } from '../engine/engine.js';
import type { AppId, ReleaseId } from '../ids.js';
import type { Logger } from '../log.js';
import { getApp } from '../platform/apps.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { type Release, setReleaseStatus } from '../platform/releases.js';
import { DEFAULT_SIZE, parseSize } from '../platform/sizes.js';
import { createContainer, ImageGoneError } from './create-container.js';
import { dynoName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import { createTranscript, type Transcript } from './transcript.js';

export interface ReleasePhases {
  /** Runs the phase of a pending release, or goes on with the one that runs; returns at once. */
  ensure(release: Release, containers: readonly Container[]): void;
  /** What the phase of this release prints, from the start; undefined when none runs here. */
  output(releaseId: ReleaseId): AsyncIterable<string> | undefined;
  /** The exit code of the command, once it has ended here. */
  exitCode(releaseId: ReleaseId): number | undefined;
}

export interface ReleasePhaseDeps {
  readonly db: Database;
  readonly engine: Pick<
    Engine,
    | 'attach'
    | 'createContainer'
    | 'inspectContainer'
    | 'inspectImage'
    | 'readLogs'
    | 'removeContainer'
    | 'startContainer'
    | 'waitContainer'
  >;
  readonly dynoLog: DynoLog;
  readonly log: Logger;
  readonly settings: { readonly instance: string; readonly network: string };
  readonly newSuffix: () => string;
  readonly newRunNumber: () => number;
  readonly signal: AbortSignal;
  /** Called when a phase of this app has ended. */
  readonly onEnd: (appId: AppId) => void;
  readonly onStep?: OnStep | undefined;
}

// Heroku's limit (devcenter "release phase"): one hour.
const TIME_LIMIT_MS = 3_600_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_EXIT_CODES = 1000;
const RETRY_MS = 5000;

export function createReleasePhases(deps: ReleasePhaseDeps): ReleasePhases {
  const running = new Map<ReleaseId, Transcript>();
  const exitCodes = new Map<ReleaseId, number>();

  async function run(
    release: Release,
    existing: Container | undefined,
    transcript: Transcript,
  ): Promise<void> {
    try {
      const exitCode = await runToEnd(deps, release, existing, transcript);
      rememberExitCode(release.id, exitCode);
      const status = exitCode === 0 ? 'succeeded' : 'failed';
      setReleaseStatus(deps.db, { releaseId: release.id, status, output: transcript.text() });
      deps.onStep?.('release-phase-recorded');
    } catch (error) {
      await breakOff(release, error, transcript);
    } finally {
      transcript.end();
      running.delete(release.id);
      deps.onEnd(release.appId);
    }
  }

  /** No phase can run without its image; after anything else the release stays pending and the phase is found again. */
  async function breakOff(release: Release, error: unknown, transcript: Transcript): Promise<void> {
    if (deps.signal.aborted) return;
    deps.log.error({ err: error, release: release.id }, 'the release phase broke off');
    if (error instanceof ImageGoneError) {
      transcript.write(`The release command could not run: ${error.message} ${error.hint}\n`);
      setReleaseStatus(deps.db, { releaseId: release.id, status: 'failed', output: transcript.text() });
      return;
    }
    transcript.end();
    await sleep(RETRY_MS, undefined, { signal: deps.signal }).catch(() => undefined);
  }

  function rememberExitCode(releaseId: ReleaseId, exitCode: number): void {
    exitCodes.set(releaseId, exitCode);
    const [oldest] = exitCodes.keys();
    if (exitCodes.size > MAX_EXIT_CODES && oldest !== undefined) exitCodes.delete(oldest);
  }

  return {
    output: (releaseId) => running.get(releaseId)?.read(),
    exitCode: (releaseId) => exitCodes.get(releaseId),
    ensure(release, containers) {
      if (running.has(release.id)) return;
      const transcript = createTranscript(MAX_OUTPUT_BYTES);
      running.set(release.id, transcript);
      const existing = containers.find(
        ({ labels }) =>
          labels[LABEL.role] === 'release-phase' &&
          labels[LABEL.app] === release.appId &&
          labels[LABEL.release] === String(release.version),
      );
      run(release, existing, transcript).catch((error: unknown) =>
        deps.log.error({ err: error }, 'release phase'),
      );
    },
  };
}

/** Resolves to the exit code of the command. */
async function runToEnd(
  deps: ReleasePhaseDeps,
  release: Release,
  existing: Container | undefined,
  transcript: Transcript,
): Promise<number> {
  // One that was created and never started has run nothing: begin again.
  if (existing?.state === 'created') await deps.engine.removeContainer(existing.id);
  const adopted = existing !== undefined && existing.state !== 'created';
  const containerId = adopted ? existing.id : await createPhase(deps, release);
  const name = `release.${adopted ? existing.labels[LABEL.number] : (await labelsOf(deps, containerId))[LABEL.number]}`;
  // The streams of a container that has ended never end: what an earlier daemon began is read from the engine's file.
  const copying = adopted ? undefined : await copyOutput(deps, containerId, transcript);
  if (!adopted) {
    deps.onStep?.('release-phase-created');
    await deps.engine.startContainer(containerId);
    deps.onStep?.('release-phase-started');
  }
  const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(TIME_LIMIT_MS)]);
  let exitCode: number;
  try {
    exitCode = (await deps.engine.waitContainer(containerId, { signal })).exitCode;
  } catch (error) {
    if (deps.signal.aborted || !signal.aborted) throw error;
    transcript.write('The release command did not end within one hour and was killed.\n');
    exitCode = 137;
  }
  await (copying?.ended ?? copyKeptOutput(deps, containerId, transcript));
  deps.onStep?.('release-phase-ended');
  deps.dynoLog.platform(release.appId, name, `Process exited with status ${exitCode}`);
  if (exitCode === 0) deps.dynoLog.platform(release.appId, name, 'State changed from up to complete');
  else deps.dynoLog.platform(release.appId, name, `Release command failed: v${release.version} does not run`);
  await deps.engine.removeContainer(containerId);
  return exitCode;
}

async function createPhase(deps: ReleasePhaseDeps, release: Release): Promise<string> {
  const app = getApp(deps.db, release.appId);
  if (app === undefined) throw new Error('the app of the release phase is gone');
  const number = deps.newRunNumber();
  const { containerId, command } = await createContainer(
    deps,
    {
      app,
      release,
      type: 'release',
      number,
      command: release.processTypes['release'] ?? '',
      hasPort: false,
      memoryBytes: parseSize(DEFAULT_SIZE).memoryBytes,
    },
    releasePhaseSpec,
  );
  const name = dynoName({ type: 'release', number });
  await deps.dynoLog.attach({ containerId, appId: app.id, process: name, tty: false });
  deps.dynoLog.platform(app.id, name, `Starting process with command \`${command}\``);
  return containerId;
}

/**
 * Opens the output of a phase and copies it; call it before the container starts. `ended` resolves with the output's
 * end; a stream that breaks is no reason to fail the release.
 */
async function copyOutput(
  deps: ReleasePhaseDeps,
  containerId: string,
  transcript: Transcript,
): Promise<{ ended: Promise<unknown> }> {
  const attachment = await deps.engine.attach(containerId, { tty: false, stdin: false });
  const copy = async (stream: AsyncIterable<Buffer>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) transcript.write(decoder.decode(chunk, { stream: true }));
  };
  const streams = [attachment.stdout, attachment.stderr].filter((stream) => stream !== undefined);
  const ended = Promise.all(streams.map(copy)).catch((error: unknown) => {
    deps.log.debug({ err: error }, 'the output of a release phase broke off');
  });
  return { ended };
}

/** Copies the whole output of a phase that has ended. */
async function copyKeptOutput(
  deps: ReleasePhaseDeps,
  containerId: string,
  transcript: Transcript,
): Promise<void> {
  try {
    const kept = deps.engine.readLogs(containerId, { sinceMs: 0, signal: deps.signal });
    for await (const line of kept) transcript.write(`${line.text}\n`);
  } catch (error) {
    deps.signal.throwIfAborted();
    deps.log.warn({ err: error }, 'the output of a release phase was not found');
  }
}

async function labelsOf(
  deps: ReleasePhaseDeps,
  containerId: string,
): Promise<Readonly<Record<string, string>>> {
  return (await deps.engine.inspectContainer(containerId)).labels;
}
