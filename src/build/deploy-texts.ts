// What the output of a deploy says besides what the build itself prints. Pure.

import { PaasError } from '../errors.js';
import type { RolloutOutcome } from '../platform/rollout-outcome.js';
import type { Wait } from './queue.js';
import type { Source } from './source.js';

/** Said to a build that waits, at first and whenever its place changes. */
export function waitingText(wait: Wait, options: { appName: string; concurrency: number }): string {
  const { appName, concurrency } = options;
  const reason =
    wait.reason === 'same-app'
      ? `Another build of ${appName} is running`
      : `${concurrency} ${concurrency === 1 ? 'build is' : 'builds are'} running, which is all at once`;
  return `-----> ${reason}; waiting (place ${wait.place})\n`;
}

/** An error as the lines that end an output. */
export function failureText(error: unknown): string {
  const { message, hint } = explain(error);
  const lines = [message, ...(hint === undefined ? [] : [hint])].join('\n').split('\n');
  return `\n${lines.map((line) => ` !     ${line}\n`).join('')}`;
}

/** Message and next step of an error; one that is no PaasError is the platform's own. */
export function explain(error: unknown): { message: string; hint: string | undefined } {
  if (error instanceof PaasError) return error;
  return {
    message: 'The build failed by an error of the platform, not of the app.',
    hint: 'Try again later.',
  };
}

/** How a rollout ended, and what its deploy failed of, if it did. */
export function rolloutText(
  outcome: RolloutOutcome,
  { version, url }: { version: number; url: string },
): { text: string; failure?: string } {
  switch (outcome.kind) {
    case 'release-phase-failed': {
      const status = outcome.exitCode === undefined ? '' : ` with exit code ${outcome.exitCode}`;
      const failure = `The release command failed${status}; v${version} does not go live.`;
      return { text: `\n !     ${failure}\n`, failure };
    }
    case 'unhealthy': {
      const failure = `v${version} did not come up: ${outcome.reason}`;
      const undone =
        outcome.undoneBy === undefined
          ? ''
          : ` !     The release before it goes on, as v${outcome.undoneBy} (automatic rollback)\n`;
      return { text: `\n !     ${failure}\n${undone}`, failure };
    }
    case 'superseded':
      return { text: `       A newer release than v${version} goes live instead\n` };
    default:
      return { text: `       ${url} deployed\n` };
  }
}

/** Why a build that takes too long was ended. */
export function timeLimitError(timeoutMs: number): PaasError {
  const seconds = Math.round(timeoutMs / 1000);
  const limit = seconds < 120 ? `${seconds} seconds` : `${Math.round(seconds / 6) / 10} minutes`;
  return new PaasError('build_failed', `The build was stopped at its time limit of ${limit}.`, {
    hint: 'Make the build quicker, or ask the operator to raise PAAS_BUILD_TIMEOUT_SECONDS.',
  });
}

/** The description of a release that was given none. */
export function describeSource(source: Source, buildId: string): string {
  if (source.kind === 'image') return `Deploy image ${source.reference}`;
  if (source.kind === 'git') return `Deploy ${source.commit.slice(0, 8)}`;
  return `Deploy ${source.version ?? buildId.slice(0, 8)}`;
}

export const RESTARTED_TEXT = '-----> The platform restarted; building again\n';

/** The last words to whoever follows a build while the daemon stops. */
export function stoppingText(version: number | undefined, appName: string): string {
  const what =
    version === undefined
      ? 'The platform restarts; the build goes on by itself after that.'
      : `The platform restarts; v${version} goes live by itself.`;
  return `\n !     ${what}\n !     Follow it with: paas builds:output -a ${appName}\n`;
}
