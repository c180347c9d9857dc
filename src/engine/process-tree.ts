// Processes on this host as /proc tells them (proc(5)): states, children. For those of our containers.

import { readFile } from 'node:fs/promises';

// A container may have a thousand processes; nobody needs all of them at once.
const MAX_PROCESSES = 256;

/** A process and all below it, parents first; without those that ended meanwhile. Empty when it is unknown. */
export async function processTree(pid: number): Promise<number[]> {
  const tree: number[] = [];
  const waiting = [pid];
  for (
    let next = waiting.shift();
    next !== undefined && tree.length < MAX_PROCESSES;
    next = waiting.shift()
  ) {
    const children = await childrenOf(next);
    if (children === undefined) continue;
    tree.push(next);
    waiting.push(...children);
  }
  return tree;
}

/** Whether no process of a container can run: its init, or every one that has no children, is stopped by a signal. */
export async function isFrozen(initPid: number): Promise<boolean> {
  if ((await stateOf(initPid)) === 'T') return true;
  const tree = await processTree(initPid);
  const states = await Promise.all(
    tree.map(async (pid) => ({ state: await stateOf(pid), isLeaf: (await childrenOf(pid))?.length === 0 })),
  );
  const leaves = states.filter(({ isLeaf, state }) => isLeaf && state !== 'Z' && state !== undefined);
  return leaves.length > 0 && leaves.every(({ state }) => state === 'T');
}

/** The state's letter in the text of /proc/PID/stat; the name before it may hold anything, `)` too. */
export function parseState(stat: string): string | undefined {
  return /^\s([A-Za-z])/.exec(stat.slice(stat.lastIndexOf(')') + 1))?.[1];
}

async function stateOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined ? undefined : parseState(stat);
}

/** Children of the first thread; a process whose other threads made some counts as one without. */
async function childrenOf(pid: number): Promise<number[] | undefined> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => undefined);
  return text?.split(' ').filter(Boolean).map(Number);
}
