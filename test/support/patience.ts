// How long tests wait for what the product promises on a machine of its own. A busy machine gets three times as long,
// unless TEST_STRICT=1 says that the promises themselves are to be proven.

import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

/** A limit as it is, or three times as long on a machine that others keep busy. Also for sizes that grow with time. */
export function patience(limit: number): number {
  return process.env['TEST_STRICT'] !== '1' && isBusy() ? limit * 3 : limit;
}

/** Prints what was measured beside the limit in force, and throws when it is more. */
export function expectWithin(what: string, measured: number, limit: number, unit = 'ms'): void {
  const inForce = patience(limit);
  const shown = `${what}: ${Number(measured.toFixed(1))} ${unit} of at most ${inForce} ${unit}`;
  process.stderr.write(`${shown}${inForce === limit ? '' : `, busy machine (promised: ${limit})`}\n`);
  if (measured > inForce) throw new Error(shown);
}

/** A load of more than two for each core, or in the last ten seconds somebody waited for a core half of the time. */
function isBusy(): boolean {
  return (loadavg()[0] ?? 0) > 2 * cpus().length || waitingShare() > 50;
}

/** Percent of the last ten seconds in which something that could run had no core; 0 where the kernel does not tell. */
function waitingShare(): number {
  try {
    return Number(/^some avg10=([\d.]+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
