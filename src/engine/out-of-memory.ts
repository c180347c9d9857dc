// What to tell of a build that needed more memory than it has. Pure.

import { PaasError } from '../errors.js';

/** `step` is what ran then, as its author knows it: a line of the Dockerfile, a buildpack. */
export function outOfMemory(end: { step: string; limitBytes: number }): PaasError {
  return new PaasError(
    'build_failed',
    `Out of memory at step ${end.step}, limit ${formatLimit(end.limitBytes)}.`,
    { hint: 'Make the build need less, or ask the operator to raise PAAS_BUILD_MEMORY.' },
  );
}

/** The failed step in BuildKit's text, and whether it was killed. Undefined when the text is about something else. */
export function failedStep(text: string): { step: string; wasKilled: boolean } | undefined {
  const match =
    /(?:running \[|process ")(.{1,4000}?)(?:\]: |" did not complete successfully: )exit code: (\d+)/s.exec(
      text,
    );
  return match === null ? undefined : { step: shorten(match[1] ?? ''), wasKilled: match[2] === '137' };
}

/** Whether a command that was killed is the step that failed; one that is not known (empty) may be any. */
export function isSameStep(command: string, step: string | undefined): boolean {
  return command === '' || shorten(command) === step;
}

function shorten(command: string): string {
  const line = command
    .replace(/^\/bin\/sh -c /, 'RUN ')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > 200 ? `${line.slice(0, 197)}...` : line;
}

function formatLimit(bytes: number): string {
  const gibibytes = bytes / 1024 ** 3;
  return Number.isInteger(gibibytes) ? `${gibibytes} GB` : `${Math.floor(bytes / 1024 ** 2)} MB`;
}
