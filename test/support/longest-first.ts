// The order of test files: the longest first, so that none of them begins last and runs on alone. A clean clone has no
// times of earlier runs to go by, so those that take long are listed here; the rest follows by size.

import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files of more than ten seconds, longest first, below test/; of those that build not two of the long ones together, and one
 * private engine before all others, which copy its disk.
 */
const LONGEST: readonly string[] = [
  'integration/buildpacks.test.ts',
  'faults/crash-steps.test.ts',
  'e2e/cli.test.ts',
  'e2e/disk.test.ts',
  'faults/nemesis.test.ts',
  'faults/crash-steps-rollout.test.ts',
  'faults/full-disk.test.ts',
  'faults/engine-killed.test.ts',
  'faults/router.test.ts',
  'e2e/push.test.ts',
  'faults/daemon.test.ts',
  'e2e/dashboard.test.ts',
  'integration/build.test.ts',
  'e2e/faults.test.ts',
  'faults/engine-lies.test.ts',
  'integration/logs-restart.test.ts',
  'integration/checks.test.ts',
  'integration/autoscale.test.ts',
  'faults/containment.test.ts',
  'faults/soak.test.ts',
  'integration/router-requests.test.ts',
  'integration/release-watch.test.ts',
  'integration/autosleep.test.ts',
  'integration/dynos.test.ts',
  'integration/logs.test.ts',
  'integration/dynos-starts.test.ts',
  'e2e/kept-logs.test.ts',
  'integration/dynos-releases.test.ts',
  'e2e/many-pushes.test.ts',
  'e2e/dropped-lines.test.ts',
  'integration/logs-ensure.test.ts',
  'integration/dynos-limits.test.ts',
  'integration/build-archive.test.ts',
  'integration/api-slow.test.ts',
  'e2e/health.test.ts',
  'integration/logs-cuts.test.ts',
  'integration/dynos-endings.test.ts',
  'integration/cli.test.ts',
  'integration/router.test.ts',
  'integration/git.test.ts',
  'integration/router-load.test.ts',
  'integration/api.test.ts',
  'faults/limits.test.ts',
  'integration/build-queue.test.ts',
  'integration/upkeep.test.ts',
  'integration/build-stack.test.ts',
  'integration/dynos-unstarted.test.ts',
  'e2e/rollback.test.ts',
  'faults/one-offs.test.ts',
  'faults/private-engine.test.ts',
];

/** Projects keep their order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = await super.sort(files);
    return bySize
      .map((file, index) => ({ file, index }))
      .sort(
        (a, b) => groupOf(a.file) - groupOf(b.file) || rankOf(a.file) - rankOf(b.file) || a.index - b.index,
      )
      .map(({ file }) => file);
  }
}

function groupOf(file: TestSpecification): number {
  return file.project.config.sequence.groupOrder;
}

function rankOf(file: TestSpecification): number {
  const rank = LONGEST.indexOf(relative(`${file.project.config.root}/test`, file.moduleId));
  return rank === -1 ? LONGEST.length : rank;
}
