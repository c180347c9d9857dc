// What `paas doctor` says of files with log lines that were damaged and set aside.

import { stat } from 'node:fs/promises';
import { listSetAside } from '../logs/mended-store.js';
import { formatBytes } from './disk-space.js';
import type { Finding } from './doctor.js';

/** A warning for each of them, newest first. */
export async function findSetAsideLogs(logDatabase: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const path of listSetAside(logDatabase)) {
    const { size } = await stat(path);
    findings.push({
      check: 'log lines',
      status: 'warn',
      detail: `their file was damaged; it was set aside as ${path} (${formatBytes(size)}), and a new one begun`,
      hint: 'Is the disk sound? Delete the file when nobody wants what is left in it (sqlite3 FILE .recover)',
    });
  }
  return findings;
}
