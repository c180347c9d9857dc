// Whether a HAProxy goes on running, asked of the same process many times a second. Its command line stays open: reading it
// anew costs a tenth of opening it, and an open one never tells of another process that got the same id.

import { closeSync, openSync, readSync } from 'node:fs';
import { isHaproxy } from './haproxy-process.js';

export interface HaproxyLook {
  /** As `isHaproxy`. */
  isAlive(pid: number): Promise<boolean>;
  /** Closes what is open; it is opened again when needed. */
  close(): void;
}

interface Known {
  readonly pid: number;
  readonly file: number;
  /** What it said when it was a HAProxy. */
  readonly said: Buffer;
}

const MAX_BYTES = 4096;

/** Looks at the HAProxy with this configuration file. */
export function createHaproxyLook(configPath: string): HaproxyLook {
  const text = Buffer.alloc(MAX_BYTES);
  let known: Known | undefined;

  function close(): void {
    if (known !== undefined) closeSync(known.file);
    known = undefined;
  }

  /** Opened first: what is found to be a HAProxy then is the process that the open file tells of. */
  async function lookAnew(pid: number): Promise<boolean> {
    const file = openCommandLine(pid);
    const said = file === undefined ? undefined : readOpen(file, text);
    const isAlive = await isHaproxy(pid, configPath).catch((error: unknown) => {
      if (file !== undefined) closeSync(file);
      throw error;
    });
    if (isAlive && file !== undefined && said !== undefined) {
      close();
      known = { pid, file, said: Buffer.from(said) };
    } else if (file !== undefined) closeSync(file);
    return isAlive;
  }

  return {
    close,
    async isAlive(pid) {
      // A zombie has no command line, and one that has ended and been waited for cannot be read.
      if (known?.pid === pid && readOpen(known.file, text)?.equals(known.said)) return true;
      close();
      return await lookAnew(pid);
    },
  };
}

function openCommandLine(pid: number): number | undefined {
  try {
    return openSync(`/proc/${pid}/cmdline`, 'r');
  } catch {
    return undefined;
  }
}

/** Undefined when there is nothing to read. */
function readOpen(file: number, into: Buffer): Buffer | undefined {
  try {
    const size = readSync(file, into, 0, into.length, 0);
    return size > 0 ? into.subarray(0, size) : undefined;
  } catch {
    return undefined;
  }
}
