// Processes that run in a container's control group although the engine says that the container does not run. An engine
// that was killed in the middle of a start (seen with Docker 20.10) goes on calling the container created, and removes it
// without ending what runs in it.

import { readdirSync, readFileSync } from 'node:fs';
import { GROUPS } from './cgroup-memory.js';

/**
 * Ends them by SIGKILL, with the shim that holds them (which may be there without any). Returns how many; 0 as well where
 * this process may not. For containers that do not run.
 */
export function endStrays(containerId: string, state: string): number {
  const pids = GROUPS.map(({ directory }) => read(`${directory(containerId)}/cgroup.procs`))
    .flatMap((text) => text.split('\n').filter(Boolean))
    .map(Number);
  // All processes of the machine are looked at only where a start may have broken off.
  const shims = state === 'created' || pids.length > 0 ? shimsOf(containerId) : [];
  return [...pids, ...shims].filter(end).length;
}

function shimsOf(containerId: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      const [program = '', ...args] = read(`/proc/${pid}/cmdline`).split('\0');
      return program.includes('containerd-shim') && args.includes(containerId);
    })
    .map(Number);
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
