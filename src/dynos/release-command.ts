// One release command in its container: started or found again, followed to its end, killed at its limit.

import { setTimeout as sleep } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import type { Database } from '../db/database.js';
import { LABEL, releasePhaseSpec } from '../engine/container-spec.js';
import type { Container, Engine } from '../engine/engine.js';
import type { Logger } from '../log.js';
import { getApp } from '../platform/apps.js';
import type { OnStep } from '../platform/deploy-steps.js';
import type { Release } from '../platform/releases.js';
import { DEFAULT_SIZE, parseSize } from '../platform/sizes.js';
import { createContainer } from './create-container.js';
import { dynoName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import type { Transcript } from './transcript.js';

export interface ReleaseCommandDeps {
  readonly db: Database;
  readonly engine: Pick<
    Engine,
    | 'attach'
    | 'createContainer'
    | 'inspectImage'
    | 'readLogs'
    | 'removeContainer'
    | 'signalContainer'
    | 'startContainer'
    | 'waitContainer'
  >;
  readonly dynoLog: DynoLog;
  readonly log: Logger;
  readonly settings: {
    readonly instance: string;
    readonly network: string;
    readonly pidsLimit: number;
    /** Time from the creation of its container to SIGKILL. */
    readonly releaseTimeoutMs: number;
  };
  readonly newSuffix: () => string;
  readonly newRunNumber: () => number;
  readonly signal: AbortSignal;
  readonly onStep?: OnStep | undefined;
  /** How long the end of what was killed, and the end of its output, is waited for; undefined: as in production. */
  readonly lastWaitMs?: number | undefined;
}

/** A process that the kernel does not let end, or an engine that does not tell, must not keep the release for ever. */
const LAST_WAIT_MS = 60_000;
/** One that has ended meanwhile says so within this time. */
const MIN_LIMIT_MS = 1000;
/** Longer timers end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Exit status of what ended by SIGKILL. */
const KILLED = 137;

/** A release command that runs, or has ended. */
export interface ReleaseCommand {
  readonly release: Release;
  readonly containerId: string;
  /** Such as `release.1234`. */
  readonly name: string;
  /** Ms since its container was made. */
  readonly ageMs: number;
  /** The copying of its output; undefined for one that an earlier daemon began. */
  readonly copying: { readonly ended: Promise<unknown> } | undefined;
}

/** Starts the command of a release, or finds the one that an earlier daemon started. Throws what the engine throws. */
export async function beginReleaseCommand(
  deps: ReleaseCommandDeps,
  wish: { release: Release; existing: Container | undefined; transcript: Transcript },
): Promise<ReleaseCommand> {
  const { release, existing, transcript } = wish;
  if (existing !== undefined && existing.state !== 'created') {
    const name = `release.${existing.labels[LABEL.number]}`;
    const ageMs = Math.max(0, deps.db.now() - existing.createdAt);
    // The streams of a container that has ended never end: its output is read from the engine's file.
    return { release, containerId: existing.id, name, ageMs, copying: undefined };
  }
  // One that was created and never started has run nothing: begin again.
  if (existing !== undefined) await deps.engine.removeContainer(existing.id);
  const { containerId, name } = await createCommand(deps, release);
  const copying = await copyOutput(deps, containerId, transcript);
  deps.onStep?.('release-phase-created');
  await deps.engine.startContainer(containerId);
  deps.onStep?.('release-phase-started');
  return { release, containerId, name, ageMs: 0, copying };
}

/** Resolves to the exit code of the command, once all that it printed is in the transcript. */
export async function followReleaseCommand(
  deps: ReleaseCommandDeps,
  command: ReleaseCommand,
  transcript: Transcript,
): Promise<number> {
  const { release, containerId, name, copying } = command;
  const say = (text: string) => deps.dynoLog.platform(release.appId, name, text);
  const { exitCode, isOverdue } = await awaitEnd(deps, command);
  const copied = copying?.ended ?? copyKeptOutput(deps, containerId, transcript);
  const { lastWaitMs = LAST_WAIT_MS } = deps;
  await Promise.race([copied, sleep(lastWaitMs, undefined, { signal: deps.signal, ref: false })]);
  deps.onStep?.('release-phase-ended');
  if (isOverdue) {
    const text = `The release command was killed: it ran longer than ${limitText(deps.settings.releaseTimeoutMs)}`;
    transcript.write(`${text}.\n`);
    say(text);
  }
  say(`Process exited with status ${exitCode}`);
  if (exitCode === 0) say('State changed from up to complete');
  else say(`Release command failed: v${release.version} does not run`);
  return exitCode;
}

/** Waits for the end of a command, and makes one at its limit. */
async function awaitEnd(
  deps: ReleaseCommandDeps,
  { containerId, ageMs }: ReleaseCommand,
): Promise<{ exitCode: number; isOverdue: boolean }> {
  const { engine, settings, signal } = deps;
  const leftMs = Math.max(MIN_LIMIT_MS, settings.releaseTimeoutMs - ageMs);
  const limit = AbortSignal.timeout(Math.min(leftMs, MAX_TIMER_MS));
  using either = anySignal(signal, limit);
  try {
    const { exitCode } = await engine.waitContainer(containerId, { signal: either.signal });
    return { exitCode, isOverdue: false };
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error;
  }
  // Its streams end with it, and what it printed stays to be read.
  await engine.signalContainer(containerId, 'SIGKILL');
  const last = AbortSignal.timeout(deps.lastWaitMs ?? LAST_WAIT_MS);
  using both = anySignal(signal, last);
  try {
    const { exitCode } = await engine.waitContainer(containerId, { signal: both.signal });
    return { exitCode, isOverdue: exitCode === KILLED };
  } catch (error) {
    if (signal.aborted || !last.aborted) throw error;
    return { exitCode: KILLED, isOverdue: true };
  }
}

function limitText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
}

async function createCommand(
  deps: ReleaseCommandDeps,
  release: Release,
): Promise<{ containerId: string; name: string }> {
  const app = getApp(deps.db, release.appId);
  if (app === undefined) throw new Error('the app of the release command is gone');
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
  return { containerId, name };
}

/**
 * Opens the output of a command and copies it; call it before the container starts. `ended` resolves with the output's
 * end; a stream that breaks is no reason to fail the release.
 */
async function copyOutput(
  deps: ReleaseCommandDeps,
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
    deps.log.debug({ err: error }, 'the output of a release command broke off');
  });
  return { ended };
}

/** Copies the whole output of a command that has ended. */
async function copyKeptOutput(
  deps: ReleaseCommandDeps,
  containerId: string,
  transcript: Transcript,
): Promise<void> {
  try {
    const kept = deps.engine.readLogs(containerId, { sinceMs: 0, signal: deps.signal });
    for await (const line of kept) transcript.write(`${line.text}\n`);
  } catch (error) {
    deps.signal.throwIfAborted();
    deps.log.warn({ err: error }, 'the output of a release command was not found');
  }
}
