// Looks at archives and unpacks them, in a child process (archive-worker.ts).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { PaasError } from '../errors.js';
import type { ArchiveReply, ArchiveTask } from './archive-worker.js';
import type { Source } from './source.js';

const CHECK_LIMIT_MS = 300_000;

/** Compiled worker beside this file; tests name another. */
const ARCHIVE_WORKER = new URL('./archive-worker.js', import.meta.url).pathname;

/**
 * Checks every entry of a tar or tar.gz on disk; with `unpackTo` also unpacks it there once all are right. One top
 * folder is stripped (unless entries begin with `./`), `.git` is left out. Throws `invalid_archive` or
 * `payload_too_large` naming the entry. Returns the inflated size.
 */
export async function checkArchive(
  options: Omit<ArchiveTask, 'unpackTo'> & {
    unpackTo?: string;
    worker?: string;
    signal?: AbortSignal | undefined;
  },
): Promise<{ bytes: number }> {
  const { path, maxBytes, from, unpackTo } = options;
  const task: ArchiveTask = { path, maxBytes, from, unpackTo };
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=512', options.worker ?? ARCHIVE_WORKER, JSON.stringify(task)],
    { env: {}, stdio: ['ignore', 'pipe', 'ignore'], ...(options.signal && { signal: options.signal }) },
  );
  const [line] = await Promise.all([text(child.stdout), once(child, 'exit')]).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    throw error;
  });
  // The worker prints one ArchiveReply unless it was killed, by the kernel for example.
  const reply = (line === '' ? undefined : JSON.parse(line)) as ArchiveReply | undefined;
  if (reply?.kind === 'ok') return { bytes: reply.bytes };
  if (reply?.kind === 'refused') throw new PaasError(reply.id, reply.message);
  if (reply?.kind === 'broken' && reply.code === 'ENOSPC') {
    throw new PaasError('storage_full', 'The server has no disk space left to unpack the source.');
  }
  throw new Error(`the archive could not be read (${reply?.code ?? 'the worker died'})`);
}

/**
 * What is known before a build: throws `storage_full` when none may begin, and what `checkArchive` throws for an archive.
 * One archive at a time, since each check is a process of its own.
 */
export function createSourceCheck(options: {
  maxBytes: number;
  requireSpace: () => Promise<void>;
}): (source: Source) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  return async (source) => {
    await options.requireSpace();
    if (source.kind !== 'archive') return;
    const { path } = source;
    const check = last.then(() => {
      // Whoever uploaded it waits no longer, and the next one waits for this.
      const signal = AbortSignal.timeout(CHECK_LIMIT_MS);
      return checkArchive({ path, maxBytes: options.maxBytes, from: 'upload', signal });
    });
    last = check.catch(() => undefined);
    await check;
  };
}
