// paasd that ends itself by SIGKILL at a step of a deploy. Usage: node crashing-daemon.mjs DIST FILE
// FILE, when it is there, holds `STEP` or `STEP after STEP`: at the first such step (after the other) it is removed
// and the process is gone. It is read at each step, so that a test arms a running daemon, and a restart is not armed.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, path] = process.argv.slice(2);
const { runPaasd } = await import(pathToFileURL(join(dist, 'daemon/run-paasd.js')).href);
let seen = new Set();
let armed = '';

await runPaasd({
  onStep(step) {
    const wish = readWish();
    if (wish !== armed) seen = new Set();
    armed = wish;
    seen.add(step);
    const [at, after] = wish.split(' after ');
    if (step !== at || (after !== undefined && !seen.has(after))) return;
    rmSync(path, { force: true });
    process.stderr.write(`ending at ${step}\n`);
    process.kill(process.pid, 'SIGKILL');
  },
});

function readWish() {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
