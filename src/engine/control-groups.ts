// Files of control groups, which come and go with processes: reading what is gone gives nothing, writing to it does nothing.
// Read synchronously: the kernel answers from memory.

import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Where control groups are mounted. */
export const CONTROL_GROUPS = '/sys/fs/cgroup';

/** The text of a file; empty when it is not there. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The lines of a file, such as the process ids in `cgroup.procs`; none when it is not there. */
export function readLines(path: string): string[] {
  return readText(path).split('\n').filter(Boolean);
}

/** Writes to a file that is there; whether the kernel took it. */
export function tryWrite(path: string, value: string): boolean {
  try {
    writeFileSync(path, value, { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}

/** Names of the folders in a folder; none when it is not there. */
export function subfolders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Whether it is there, and for `write`, whether this process may write it. */
export function isThere(path: string, { write = false } = {}): boolean {
  try {
    accessSync(path, write ? constants.W_OK : constants.F_OK);
    return true;
  } catch {
    return false;
  }
}
