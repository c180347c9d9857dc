// What a container uses of its memory limit, read from the kernel's own files: an ask of the engine costs a hundred
// times as much. Read synchronously: the kernel answers from memory, and a turn through the thread pool costs ten times
// the read.

import { readFileSync } from 'node:fs';

/** Where the engine puts the control group of a container: cgroup v1 and v2, driver cgroupfs and systemd. */
export const GROUPS: readonly { directory: (id: string) => string; version: 1 | 2 }[] = [
  { directory: (id) => `/sys/fs/cgroup/memory/docker/${id}`, version: 1 },
  { directory: (id) => `/sys/fs/cgroup/memory/system.slice/docker-${id}.scope`, version: 1 },
  { directory: (id) => `/sys/fs/cgroup/system.slice/docker-${id}.scope`, version: 2 },
  { directory: (id) => `/sys/fs/cgroup/docker/${id}`, version: 2 },
];

const FILES = {
  1: { usage: 'memory.usage_in_bytes', inactive: 'total_inactive_file' },
  2: { usage: 'memory.current', inactive: 'inactive_file' },
} as const;

/**
 * Reads the memory of containers; remembers which of the places this engine uses. `enoughBytes`: less than that need not
 * be exact, and may count file cache that the container could give back.
 */
export function createMemoryReader(
  groups = GROUPS,
): (containerId: string, enoughBytes: number) => number | undefined {
  let known: (typeof GROUPS)[number] | undefined;
  return (containerId, enoughBytes) => {
    for (const place of known === undefined ? groups : [known]) {
      const bytes = readWorkingSet(place.directory(containerId), place.version, enoughBytes);
      if (bytes === undefined) continue;
      known = place;
      return bytes;
    }
    return undefined;
  };
}

/** Bytes that a control group holds and cannot give back by itself: usage without inactive file cache. Pure. */
export function workingSet(version: 1 | 2, usage: string, stat: string): number | undefined {
  const used = Number(usage.trim());
  const inactive = new RegExp(`^${FILES[version].inactive} (\\d+)$`, 'm').exec(stat)?.[1];
  if (!Number.isInteger(used) || usage.trim() === '' || inactive === undefined) return undefined;
  return Math.max(0, used - Number(inactive));
}

function readWorkingSet(directory: string, version: 1 | 2, enoughBytes: number): number | undefined {
  try {
    const usage = readFileSync(`${directory}/${FILES[version].usage}`, 'utf8');
    // The kernel adds up the other file at each read, which costs more than all the rest.
    const usedBytes = Number.parseInt(usage, 10);
    if (usedBytes < enoughBytes) return usedBytes;
    return workingSet(version, usage, readFileSync(`${directory}/memory.stat`, 'utf8'));
  } catch {
    // It has ended, or lies elsewhere.
    return undefined;
  }
}
