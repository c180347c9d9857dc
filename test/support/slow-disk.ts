// A disk that is slow for one process alone: strace delays its fsync.

import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from './house.js';
import { startProgram } from './paas.js';

/** Each fsync and fdatasync of the process takes so much longer, until it is stopped. */
export async function slowDisk(pid: number, ms: number): Promise<{ stop(): Promise<void> }> {
  const inject = `inject=fsync,fdatasync:delay_enter=${ms * 1000}`;
  const args = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', inject];
  const strace = startProgram('strace', [...args, '-p', String(pid)], { env: { PATH: process.env['PATH'] } });
  await eventually('strace has all threads', () => isTraced(pid));
  return {
    async stop() {
      strace.kill('SIGTERM');
      await strace.ended;
    },
  };
}

/** Whether somebody looks at each thread of the process. */
function isTraced(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    /^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')),
  );
}
