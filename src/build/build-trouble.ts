// What a build's own output tells about its failure: the step it was at, and a full disk. Pure.

import { PaasError } from '../errors.js';

const NO_SPACE = /no space left on device|ENOSPC/i;

/** Reads the output of a build as it goes by, in whatever pieces. */
export class OutputWatch {
  readonly #stepOf: (line: string) => string | undefined;
  #partial = '';
  #step: string | undefined;
  #hasNoSpace = false;

  /** `stepOf` tells the step that the build is at, or failed at, by a line of its output; undefined: still the same. */
  constructor(stepOf: (line: string) => string | undefined) {
    this.#stepOf = stepOf;
  }

  get step(): string | undefined {
    return this.#step;
  }

  get hasNoSpace(): boolean {
    return this.#hasNoSpace;
  }

  read(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = (lines.pop() ?? '').slice(-1000);
    for (const line of lines) {
      this.#step = this.#stepOf(line) ?? this.#step;
      this.#hasNoSpace ||= NO_SPACE.test(line);
    }
  }
}

/** The step of buildpacks: the last heading. */
export function headingOf(line: string): string | undefined {
  return /^-----> (.{1,80})/.exec(line)?.[1];
}

/** Reads lines as buildkit-trace.ts prints them; tells the first step that failed, such as `[2/3] RUN npm ci`. */
export function createFailedStepReader(): (line: string) => string | undefined {
  const names = new Map<string, string>();
  let failed: string | undefined;
  return (line) => {
    const [, number = '', rest = ''] = /^#(\d+) (.*)$/.exec(line) ?? [];
    if (number === '') return failed;
    if (!names.has(number)) names.set(number, rest.slice(0, 200));
    else if (rest.startsWith('ERROR: ')) failed ??= names.get(number);
    return failed;
  };
}

/** A build that could not write any more. */
export function buildDiskFull(step: string | undefined): PaasError {
  const where = step === undefined ? '' : ` (step "${step}")`;
  return new PaasError('build_failed', `The disk of the build is full${where}.`, {
    hint: 'Make the build write less, or ask the operator for space on the disk of the container engine: paas doctor',
  });
}
