// Limits for the steps of Dockerfile builds. BuildKit in the engine takes none through the API: it runs each step in a
// control group of its own without limits. They are written there as soon as the group appears.
// docs/decisions/0081-limits-of-dockerfile-steps.md

import { join } from 'node:path';
import { type BuildStep, findSteps } from './build-steps.js';
import { readLines, readText, tryWrite } from './control-groups.js';

export interface StepLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly pids: number;
}

/** Follows the steps until `stop`. */
export interface StepWatch {
  /** The commands (program and arguments in one line) of which a process was killed for memory. */
  stop(): { readonly outOfMemory: readonly string[] };
}

// What a group counted goes with it, some tens of ms after the last process of a step.
const LOOK_MS = 10;
const CPU_SHARES = '64';
const CPU_WEIGHT = '3';
const OOM_SCORE_ADJ = '500';

/**
 * Begins to follow. `ownerOf` tells whose a step is: undefined when that is not known, and then it is limited too.
 * `takeCpu` is given each step of ours every time that it is looked at, and says whether it has put the step where it
 * yields to apps; otherwise its weight is made small. Without the right to write nothing is limited.
 */
export function watchSteps(
  limits: StepLimits,
  options: {
    root: string;
    ownerOf: (id: string) => { readonly isOurs: boolean; readonly command: string } | undefined;
    takeCpu?: ((step: BuildStep) => boolean) | undefined;
  },
): StepWatch {
  const { root, ownerOf, takeCpu } = options;
  const known = new Map<string, Known>();
  const look = () => {
    for (const step of findSteps(root)) {
      const found = known.get(step.id) ?? identify(ownerOf(step.id));
      known.set(step.id, found);
      if (!found.isOurs) continue;
      const hasCpuPlace = takeCpu?.(step) ?? false;
      found.isBounded ||= bound(root, step, { limits, hasCpuPlace });
      found.wasKilled ||= countKills(root, step) > 0;
    }
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      const killed = [...known.values()].filter(({ wasKilled }) => wasKilled);
      return { outOfMemory: killed.map(({ command }) => command) };
    },
  };
}

interface Known {
  readonly isOurs: boolean;
  readonly command: string;
  isBounded: boolean;
  wasKilled: boolean;
}

function identify(owner: { isOurs: boolean; command: string } | undefined): Known {
  return { isOurs: true, command: '', ...owner, isBounded: false, wasKilled: false };
}

/** The files of a step's group and what is written to them, in this order; `controller` only with version 1. Pure. */
export function limitFiles(
  version: 1 | 2,
  { memoryBytes, cpus, pids }: StepLimits,
): { controller: string; file: string; value: string }[] {
  const quota = Math.round(cpus * 100_000);
  if (version === 1) {
    return [
      { controller: 'memory', file: 'memory.limit_in_bytes', value: String(memoryBytes) },
      // Memory and swap together: equal to memory alone is no swap.
      { controller: 'memory', file: 'memory.memsw.limit_in_bytes', value: String(memoryBytes) },
      { controller: 'cpu', file: 'cpu.cfs_quota_us', value: String(quota) },
      { controller: 'cpu', file: 'cpu.shares', value: CPU_SHARES },
      { controller: 'pids', file: 'pids.max', value: String(pids) },
    ];
  }
  return [
    { controller: '', file: 'memory.max', value: String(memoryBytes) },
    { controller: '', file: 'memory.swap.max', value: '0' },
    { controller: '', file: 'cpu.max', value: `${quota} 100000` },
    { controller: '', file: 'cpu.weight', value: CPU_WEIGHT },
    { controller: '', file: 'pids.max', value: String(pids) },
  ];
}

/** Whether the memory limit holds now; the group may be gone again, or not be ready. */
function bound(
  root: string,
  { version, path }: BuildStep,
  { limits, hasCpuPlace }: { limits: StepLimits; hasCpuPlace: boolean },
): boolean {
  const folder = groupFolder(root, version, path);
  const isShared = path.includes('/buildkit/');
  if (version === 2 && isShared) tryWrite(join(folder, '../cgroup.subtree_control'), '+memory +cpu +pids');
  for (const pid of readLines(join(folder, 'cgroup.procs'))) {
    tryWrite(`/proc/${pid}/oom_score_adj`, OOM_SCORE_ADJ);
  }
  // All steps together weigh as little as one build container; without this their group weighs as much as an app.
  if (isShared && !hasCpuPlace) {
    const [group, file, weight] =
      version === 1
        ? [join(root, 'cpu', path), 'cpu.shares', CPU_SHARES]
        : [folder, 'cpu.weight', CPU_WEIGHT];
    tryWrite(join(group, '..', file), weight);
  }
  const written = limitFiles(version, limits).map(({ controller, file, value }) =>
    tryWrite(join(root, controller, path, file), value),
  );
  return written[0] === true;
}

/** How often the kernel killed a process of the group because it was at its limit. */
function countKills(root: string, { version, path }: BuildStep): number {
  const file = version === 1 ? 'memory.oom_control' : 'memory.events';
  const text = readText(join(groupFolder(root, version, path), file));
  return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0);
}

function groupFolder(root: string, version: 1 | 2, path: string): string {
  return join(root, version === 1 ? 'memory' : '', path);
}
