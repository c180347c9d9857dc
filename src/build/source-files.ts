// Single files of an unpacked source, which is untrusted: a link or FIFO in the place of a file is never followed.

import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { PaasError } from '../errors.js';

const MAX_BYTES = 1024 * 1024;

/** The bytes of a file in the source's root; undefined when it is not there. Throws `invalid_params` when it is no regular file. */
export async function readSourceFile(directory: string, name: string): Promise<Buffer | undefined> {
  const path = join(directory, name);
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  const id = name === 'Procfile' ? 'invalid_procfile' : 'invalid_params';
  if (!found.isFile()) throw new PaasError(id, `${name} must be a regular file.`);
  if (found.size > MAX_BYTES) throw new PaasError(id, `${name} is larger than 1 MiB.`);
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  return await file.readFile();
}
