// What a pusher reads besides the output of the build, as on Heroku. Pure.

import type { DeployOutcome } from '../build/deploys.js';

/** Before the output of a build that an earlier push of the same commit began. */
export function followingText(buildId: string): string {
  return `-----> This commit is being built already; following build ${buildId}\n`;
}

/** What the client shows behind the ref of a push that a newer one has made moot. */
export const MOOT = 'superseded by a newer push';

/** Why such a push is not built; `buildId` is the newer one's. */
export function mootText(buildId: string): string {
  return ` !     Superseded by build ${buildId}, which is newer.\n !     Push rejected: nothing of it was built.\n`;
}

/** The last lines. `hasRelease`: a release was made, so that the branch names the commit whatever came then. */
export function outcomeText(
  outcome: DeployOutcome,
  push: { ref: string; hasRelease: boolean; detected: string | undefined },
): string {
  const branch = push.ref.replace('refs/heads/', '');
  switch (outcome.kind) {
    case 'released':
      return '\nVerifying deploy... done.\n';
    case 'interrupted':
      return ` !     This push is cut off, its deploy is not: ${branch} moves when it is done.\n`;
    case 'canceled':
      return '\n !     Push rejected: its build was canceled.\n';
    case 'failed':
      if (push.hasRelease) return '\n !     Push failed: the release is made, but does not run.\n';
      return `\n !     Push rejected, failed to compile${push.detected === undefined ? '' : ` ${push.detected} app`}.\n`;
  }
}

/** Finds `Node.js` in `-----> Node.js app detected` while an output goes by. */
export class DetectedApp {
  #name: string | undefined;
  #line = '';

  /** The last one that was detected. */
  get name(): string | undefined {
    return this.#name;
  }

  read(text: string): void {
    const lines = (this.#line + text).split('\n');
    this.#line = (lines.pop() ?? '').slice(-200);
    for (const line of lines) this.#name = /^-----> (.{1,60}) app detected$/.exec(line)?.[1] ?? this.#name;
  }
}
