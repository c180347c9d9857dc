// What a build's own output tells about its failure: the step it was at, and a full disk. Pure.

import { PaasError } from '../errors.js';

const NO_SPACE = /no space left on device|ENOSPC/i;

/** Reads the output of buildpacks as it goes by. */
export class BuildpackWatch {
  #partial = '';
  #step: string | undefined;
  #hasNoSpace = false;

  /** The last heading. */
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
      this.#step = /^-----> (.{1,80})/.exec(line)?.[1] ?? this.#step;
      this.#hasNoSpace ||= NO_SPACE.test(line);
    }
  }
}

/** Reads the output of a Dockerfile build, in whole lines as buildkit-trace.ts prints them. */
export class DockerfileWatch {
  readonly #names = new Map<string, string>();
  #step: string | undefined;
  #hasNoSpace = false;

  /** The step that failed, such as `[2/3] RUN npm ci`. */
  get step(): string | undefined {
    return this.#step;
  }

  get hasNoSpace(): boolean {
    return this.#hasNoSpace;
  }

  read(text: string): void {
    for (const line of text.split('\n')) {
      const [, number = '', rest = ''] = /^#(\d+) (.*)$/.exec(line) ?? [];
      if (number === '') continue;
      if (!this.#names.has(number)) this.#names.set(number, rest.slice(0, 200));
      else if (rest.startsWith('ERROR: ')) this.#step ??= this.#names.get(number);
      this.#hasNoSpace ||= NO_SPACE.test(rest);
    }
  }
}

/** A build that could not write any more. */
export function buildDiskFull(step: string | undefined): PaasError {
  const where = step === undefined ? '' : ` (step "${step}")`;
  return new PaasError('build_failed', `The disk of the build is full${where}.`, {
    hint: 'Make the build write less, or ask the operator for space on the disk of the container engine: paas doctor',
  });
}
