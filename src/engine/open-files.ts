// How many open files a container can be allowed: an engine without CAP_SYS_RESOURCE (itself in a container or a sandbox)
// cannot give more than it has, and fails to start any container that asks for it.

import { readFile } from 'node:fs/promises';

/** The hard limit of the engine's own process, or of ours when it cannot be seen; what `createDockerEngine` is given. */
export async function readOpenFilesLimit(options: { pidFile: string }): Promise<number> {
  const pid = await readFile(options.pidFile, 'utf8').catch(() => 'self');
  const limits = await readFile(`/proc/${pid.trim()}/limits`, 'utf8').catch(() => '');
  return (
    parseOpenFilesLimit(limits) ?? parseOpenFilesLimit(await readFile('/proc/self/limits', 'utf8')) ?? 4096
  );
}

/** The hard limit in the text of `/proc/PID/limits`; undefined when it is not there. */
export function parseOpenFilesLimit(limits: string): number | undefined {
  const hard = /^Max open files +\S+ +(\S+)/m.exec(limits)?.[1];
  if (hard === 'unlimited') return Number.MAX_SAFE_INTEGER;
  return hard === undefined ? undefined : Number(hard);
}
