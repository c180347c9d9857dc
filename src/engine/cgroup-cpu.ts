// How much CPU time a container has used, read from the kernel's own files: an ask of the engine costs a hundred times
// as much.

import { readFile } from 'node:fs/promises';

/** Where the engine puts the control group of a container: cgroup v1 and v2, driver cgroupfs and systemd. */
const PLACES: readonly { file: (id: string) => string; version: 1 | 2 }[] = [
  { file: (id) => `/sys/fs/cgroup/cpuacct/docker/${id}/cpuacct.usage`, version: 1 },
  { file: (id) => `/sys/fs/cgroup/cpuacct/system.slice/docker-${id}.scope/cpuacct.usage`, version: 1 },
  { file: (id) => `/sys/fs/cgroup/system.slice/docker-${id}.scope/cpu.stat`, version: 2 },
  { file: (id) => `/sys/fs/cgroup/docker/${id}/cpu.stat`, version: 2 },
];

/** CPU seconds, of all cores together, that a running container has used; undefined when it has ended. */
export async function readCpuSeconds(containerId: string): Promise<number | undefined> {
  for (const { file, version } of PLACES) {
    try {
      return cpuSeconds(version, await readFile(file(containerId), 'utf8'));
    } catch {
      // It has ended, or lies elsewhere.
    }
  }
  return undefined;
}

/** Reads `cpuacct.usage` (v1, nanoseconds) or `cpu.stat` (v2, `usage_usec`). Pure. */
export function cpuSeconds(version: 1 | 2, text: string): number | undefined {
  const digits = (version === 1 ? /^(\d+)\s*$/ : /^usage_usec (\d+)$/m).exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits) / (version === 1 ? 1e9 : 1e6);
}
