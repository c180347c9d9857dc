// Processes that run in a container's control group although the engine says that the container does not run. An engine
// that was killed in the middle of a start (seen with Docker 20.10) goes on calling the container created, and removes it
// without ending what runs in it.

import { readFileSync } from 'node:fs';
import { GROUPS } from './cgroup-memory.js';

/** Ends them, with the shim that holds them, by SIGKILL. Returns how many; 0 as well where this process may not. */
export function endStrays(containerId: string): number {
  const pids = GROUPS.map(({ directory }) => read(`${directory(containerId)}/cgroup.procs`))
    .flatMap((text) => text.split('\n').filter(Boolean))
    .map(Number);
  const shims = pids.map(parentOf).filter((pid) => isShimOf(pid, containerId));
  return [...pids, ...new Set(shims)].filter(end).length;
}

/** The parent's id in the text of /proc/PID/stat; the name before it may hold anything. */
function parentOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(/^\) \S (\d+)/.exec(stat.slice(stat.lastIndexOf(')')))?.[1] ?? 0);
}

function isShimOf(pid: number, containerId: string): boolean {
  const [program = '', ...args] = read(`/proc/${pid}/cmdline`).split('\0');
  return program.includes('containerd-shim') && args.includes(containerId);
}

function end(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
