// Limits for the steps of Dockerfile builds. BuildKit in the engine takes none through the API: it runs each step in a
// control group below `buildkit`, without limits. They are written there as soon as the group appears.
// docs/decisions/0081-limits-of-dockerfile-steps.md

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface StepLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly pids: number;
}

/** Follows the steps until `stop`, which tells whether one of them had a process killed for memory. */
export interface StepWatch {
  stop(): { readonly ranOutOfMemory: boolean };
}

const LOOK_MS = 50;
// Where engines put the groups of their containers, and so of BuildKit: with their own driver, with systemd's.
const PARENTS = ['docker', 'system.slice'];
const CPU_SHARES = '64';
const CPU_WEIGHT = '3';
const OOM_SCORE_ADJ = '500';

/** Begins to follow. `root` is where control groups are mounted. Without the right to write there nothing is limited. */
export function watchSteps(limits: StepLimits, { root = '/sys/fs/cgroup' } = {}): StepWatch {
  const bounded = new Set<string>();
  let ranOutOfMemory = false;
  const look = () => {
    for (const { version, folder, step } of findSteps(root)) {
      const path = join(folder, step);
      if (!bounded.has(path) && bound(root, { version, path, limits })) bounded.add(path);
      ranOutOfMemory ||= countKills(path, version) > 0;
    }
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      return { ranOutOfMemory };
    },
  };
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

function findSteps(root: string): { version: 1 | 2; folder: string; step: string }[] {
  return PARENTS.flatMap((parent) =>
    ([1, 2] as const).flatMap((version) => {
      const folder = join(root, version === 1 ? 'memory' : '', parent, 'buildkit');
      return subfolders(folder).map((step) => ({ version, folder, step }));
    }),
  );
}

/** Whether the memory limit holds now; the group may be gone again, or not be ready. */
function bound(root: string, group: { version: 1 | 2; path: string; limits: StepLimits }): boolean {
  const { version, path, limits } = group;
  if (version === 2) write(join(path, '../cgroup.subtree_control'), '+memory +cpu +pids');
  for (const pid of readText(join(path, 'cgroup.procs')).split('\n').filter(Boolean)) {
    write(`/proc/${pid}/oom_score_adj`, OOM_SCORE_ADJ);
  }
  // All steps together weigh as little as one build container; without this their group weighs as much as an app.
  if (version === 2) write(join(path, '../cpu.weight'), CPU_WEIGHT);
  else write(join(root, 'cpu', path.slice(join(root, 'memory').length), '../cpu.shares'), CPU_SHARES);
  const inGroup = path.slice(join(root, version === 1 ? 'memory' : '').length);
  const written = limitFiles(version, limits).map(({ controller, file, value }) =>
    write(join(root, controller, inGroup, file), value),
  );
  return written[0] === true;
}

/** How often the kernel killed a process of the group because it was at its limit. */
function countKills(path: string, version: 1 | 2): number {
  const text = readText(join(path, version === 1 ? 'memory.oom_control' : 'memory.events'));
  return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0);
}

function subfolders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function write(path: string, value: string): boolean {
  try {
    writeFileSync(path, value, { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}
