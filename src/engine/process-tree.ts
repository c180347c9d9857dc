// Processes on this host as /proc tells them (proc(5)): states, children. For those of our containers.
// Read synchronously: the kernel answers from memory, and a turn through the thread pool costs ten times the read.

import { readFileSync } from 'node:fs';

// A container may have a thousand processes; nobody needs all of them at once.
const MAX_PROCESSES = 256;

/** A process and all below it, parents first; without those that ended meanwhile. Empty when it is unknown. */
export function processTree(pid: number): number[] {
  const tree: number[] = [];
  const waiting = [pid];
  for (
    let next = waiting.shift();
    next !== undefined && tree.length < MAX_PROCESSES;
    next = waiting.shift()
  ) {
    const children = childrenOf(next);
    if (children === undefined) continue;
    tree.push(next);
    waiting.push(...children);
  }
  return tree;
}

/**
 * A process of a container that has no children and can run: in a healthy container the first that is looked at.
 * `frozen`: its init, or every process without children, is stopped by a signal. Undefined when nothing is known of it.
 */
export function findRunner(initPid: number): number | 'frozen' | undefined {
  if (stateOf(initPid) === 'T') return 'frozen';
  const waiting = [initPid];
  let looked = 0;
  let hasStopped = false;
  for (let pid = waiting.pop(); pid !== undefined && looked < MAX_PROCESSES; pid = waiting.pop()) {
    looked += 1;
    const children = childrenOf(pid) ?? [];
    waiting.push(...children);
    if (children.length > 0) continue;
    const state = stateOf(pid);
    if (state === 'T') hasStopped = true;
    else if (state !== undefined && state !== 'Z') return pid;
  }
  return hasStopped ? 'frozen' : undefined;
}

/** The state's letter in the text of /proc/PID/stat; the name before it may hold anything, `)` too. */
export function parseState(stat: string): string | undefined {
  return /^\s([A-Za-z])/.exec(stat.slice(stat.lastIndexOf(')') + 1))?.[1];
}

function stateOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : parseState(stat);
}

/** Children of the first thread; a process whose other threads made some counts as one without. */
function childrenOf(pid: number): number[] | undefined {
  return read(`/proc/${pid}/task/${pid}/children`)?.split(' ').filter(Boolean).map(Number);
}

/** Undefined when the process has ended. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
