// Programs as children: run one and have its output, or wait for a condition.

import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Runs a program with an argument array; gives what it printed, throws with its error text when it fails. */
export function run(program, args, { cwd, env = process.env, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { cwd, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout: stdout.trim(), stderr });
        else reject(new Error(`${program} ${args.join(' ')}: ${stderr || error.message}\n${stdout}`));
      },
    );
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
  });
}

/** `docker …`; gives its standard output. */
export async function docker(args, options = {}) {
  return (await run('docker', args, options)).stdout;
}

/** Polls `check` until it gives something true; fails with `what` after the deadline. */
export async function until(what, check, { everyMs = 5, deadlineMs = 120_000 } = {}) {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const result = await check();
    if (result) return result;
    if (performance.now() > deadline) throw new Error(`timed out waiting: ${what}`);
    await sleep(everyMs);
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
