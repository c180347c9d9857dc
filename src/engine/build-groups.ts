// The control groups that builds run in: what is in them, and how they go.

import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { isThere, readLines, readText, subfolders } from './control-groups.js';
import { parseState } from './process-tree.js';

/** Ends what runs in a group and those in it. Returns how many. */
export function endAll(group: string): number {
  const folders = [group, ...subfolders(group).map((name) => join(group, name))];
  const pids = folders.flatMap((folder) => readLines(join(folder, 'cgroup.procs')).map(Number));
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  return pids.length;
}

/** Removes the group of this name and those in it from all hierarchies, where nothing is in them. */
export function removeGroups(root: string, parent: string): boolean {
  const tops = ['', ...subfolders(root)]
    .map((hierarchy) => join(root, hierarchy) + parent)
    .filter((path) => isThere(path));
  for (const top of tops) {
    for (const folder of [...subfolders(top).map((name) => join(top, name)), top]) {
      try {
        rmdirSync(folder);
      } catch {
        // Not empty: something has still to end.
      }
    }
  }
  return !tops.some((path) => isThere(path));
}

/** Whether a process of the group, or of one in it, runs or waits for a processor. */
export function hasRunnable(group: string): boolean {
  const folders = [group, ...subfolders(group).map((name) => join(group, name))];
  return folders.some((folder) =>
    readLines(join(folder, 'cgroup.procs')).some((pid) => parseState(readText(`/proc/${pid}/stat`)) === 'R'),
  );
}
