// The files that the daemon and the log collector append what they say to: bounded, so that a long trouble does not fill
// the disk with its own description.

import { copyFile, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log.js';

const LIMIT_BYTES = 20 * 1024 * 1024;

/**
 * Empties each `*.log` of the directory that is over the limit, and keeps what was in it as `*.log.1`. Who has it open for
 * appending goes on at the new end; a line that comes in between may be lost.
 */
export async function limitLogFiles(options: {
  directory: string;
  log: Logger;
  limitBytes?: number;
}): Promise<void> {
  const { directory, log, limitBytes = LIMIT_BYTES } = options;
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (!name.endsWith('.log') || (await stat(path)).size <= limitBytes) continue;
    await copyFile(path, `${path}.1`).catch(async (err: unknown) => {
      log.warn({ err, path }, 'a log file is emptied without a copy');
      await rm(`${path}.1`, { force: true });
    });
    await truncate(path, 0);
  }
}
