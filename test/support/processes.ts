// Processes by their numbers: whether they run, and their end.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Whether a process runs (one that has ended and waits for its parent does not). */
export function isAlive(pid: number): boolean {
  try {
    const state = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
    return state !== undefined && state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

/** Kills them, and waits until they have ended (ten seconds at most). */
export function killAll(pids: Iterable<number>): void {
  const ending = [...pids];
  for (const pid of ending) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  const deadline = performance.now() + 10_000;
  while (ending.some(isAlive) && performance.now() < deadline) spawnSync('sleep', ['0.05']);
}
