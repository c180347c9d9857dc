// Directories of tests that carry the process id of their owner. A test that was ended from outside (a time limit, a key)
// cannot clean up: the next test, and test/run at its end, take away what it left: processes, objects of the engine, files.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeObjectsOf } from './test-instance.js';

const OWNER = 'test-owner';
const PREFIXES = ['paas-e2e-', 'paas-house-', 'paas-router-'];

/** Makes one for an install; what dead tests left is taken away first. Throws for a prefix that nobody looks for. */
export function makeOwnedDirectory(prefix: string, parent = tmpdir()): string {
  if (!PREFIXES.includes(prefix)) throw new Error(`nobody would look for ${prefix}`);
  removeAbandoned();
  const directory = mkdtempSync(join(parent, prefix));
  writeFileSync(join(directory, OWNER), String(process.pid));
  return directory;
}

/** Takes away the installs whose test has died. */
export function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    const directory = join(tmpdir(), name);
    const owner = read(join(directory, OWNER));
    if (owner === '' || existsSync(`/proc/${owner}`)) continue;
    endProcessesOf(directory);
    removeObjectsOf(read(join(directory, 'instance-id')).trim());
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Those that have the directory in their command line or environment: paasd, the log collector, HAProxy, clients. */
function endProcessesOf(directory: string): void {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const told = `${read(`/proc/${pid}/cmdline`)}\0${read(`/proc/${pid}/environ`)}`;
    if (!told.includes(directory)) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
