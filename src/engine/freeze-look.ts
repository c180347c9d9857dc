// Whether a container's processes are stopped by a signal, asked of the same container again and again. The files that
// told last time stay open: reading one of /proc anew costs a quarter of opening it, and an open one never tells of
// another process that got the same id.

import { closeSync, openSync, readSync } from 'node:fs';
import { findRunner } from './process-tree.js';

export interface FreezeLook {
  /** Whether no process of the container can run now. */
  isFrozen(): boolean;
  /** Closes what is open; it is opened again when needed. */
  close(): void;
}

/** Open files about the container's first process, and about one without children that could run. */
interface Known {
  readonly initStat: number;
  readonly runnerStat: number;
  readonly runnerChildren: number;
}

/** `PID (NAME) STATE` of proc(5) with the longest name, and more. */
const START = Buffer.alloc(128);
const CLOSING_BRACKET = 0x29;
const CANNOT_RUN = new Set([...'TZX'].map((letter) => letter.charCodeAt(0)));

/** Looks at the container whose first process has this id on the host. */
export function createFreezeLook(initPid: number): FreezeLook {
  let known: Known | undefined;

  function close(): void {
    for (const file of Object.values(known ?? {})) closeSync(file);
    known = undefined;
  }

  return {
    close,
    isFrozen() {
      if (
        known !== undefined &&
        canRun(known.initStat) &&
        canRun(known.runnerStat) &&
        isEmpty(known.runnerChildren)
      )
        return false;
      close();
      const found = findRunner(initPid);
      if (typeof found === 'number') known = openKnown(initPid, found);
      return found === 'frozen';
    },
  };
}

/** Undefined when one of them has ended. */
function openKnown(initPid: number, runnerPid: number): Known | undefined {
  const files: number[] = [];
  try {
    const open = (path: string) => {
      const file = openSync(path, 'r');
      files.push(file);
      return file;
    };
    return {
      initStat: open(`/proc/${initPid}/stat`),
      runnerStat: open(`/proc/${runnerPid}/stat`),
      runnerChildren: open(`/proc/${runnerPid}/task/${runnerPid}/children`),
    };
  } catch {
    for (const file of files) closeSync(file);
    return undefined;
  }
}

/** Whether the process is there and neither stopped nor ended, by its open stat. */
function canRun(stat: number): boolean {
  const size = readStart(stat);
  const state = START[START.lastIndexOf(CLOSING_BRACKET, size - 1) + 2];
  return size > 0 && state !== undefined && !CANNOT_RUN.has(state);
}

function isEmpty(children: number): boolean {
  return readStart(children) === 0;
}

/** Reads the beginning into `START`; how much it was, -1 when the process has ended. */
function readStart(file: number): number {
  try {
    return readSync(file, START, 0, START.length, 0);
  } catch {
    return -1;
  }
}
