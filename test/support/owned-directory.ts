// Directories of tests that carry the process id of their owner. A test that was ended from outside (a time limit, a key)
// cannot clean up: the next test, and test/run at its end, take away what it left: processes, objects of the engine, files.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, killAll } from './processes.js';
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
    if (owner === '' || isAlive(Number(owner))) continue;
    endProcessesThatTell(directory);
    removeObjectsOf(read(join(directory, 'instance-id')).trim());
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Ends those that have this path in their command line or environment, but for ourselves and who started us. Of an install:
 * paasd, the log collector, HAProxy, clients. Of a run of tests: vitest's workers, which go on when vitest is ended.
 */
export function endProcessesThatTell(path: string): void {
  const ours = [process.pid, process.ppid];
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => !ours.includes(pid));
  killAll(
    pids.filter((pid) => `${read(`/proc/${pid}/cmdline`)}\0${read(`/proc/${pid}/environ`)}`.includes(path)),
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
