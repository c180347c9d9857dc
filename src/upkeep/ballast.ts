// The ballast: a file that takes space while there is plenty, to be freed when there is none. A full disk keeps the
// engine from starting and the database from writing; what the ballast gives back is enough for both.

import { createCipheriv } from 'node:crypto';
import { open, rename, rm, stat, statfs, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

const CHUNK = 1024 * 1024;

/** Writes the file if it is absent or shorter; nothing is left of it when there is no room. */
export async function layBallast(path: string, bytes: number): Promise<void> {
  if (bytes === 0 || (await ballastBytes(path)) >= bytes) return;
  const partial = `${path}.partial`;
  // Bytes that no file system can press into nothing.
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  try {
    await using file = await open(partial, 'w', 0o600);
    for (let left = bytes; left > 0; left -= CHUNK) {
      await file.write(noise.update(Buffer.alloc(Math.min(CHUNK, left))));
    }
    await file.sync();
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Frees it. Returns how many bytes that gave back; 0 when there is none. */
export async function freeBallast(path: string): Promise<number> {
  const bytes = await ballastBytes(path);
  // Shortened first: where a directory entry cannot be written any more, that still works.
  if (bytes > 0) await truncate(path, 0);
  await rm(path, { force: true });
  return bytes;
}

/** Frees it when its disk is full. For the start of the daemon, which writes before it comes to its upkeep. */
export async function freeBallastWhenFull(path: string): Promise<void> {
  const bytes = await ballastBytes(path);
  const { bavail, bsize } = await statfs(dirname(path));
  const space = { freeBytes: bavail * bsize, floorBytes: 0, ballastBytes: bytes, isLaid: bytes > 0 };
  if (planBallast(space) === 'free') await freeBallast(path);
}

async function ballastBytes(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** What to do about the ballast now. Pure. It is laid again only well above the floor, so that it does not come and go. */
export function planBallast(space: {
  freeBytes: number;
  floorBytes: number;
  ballastBytes: number;
  isLaid: boolean;
}): 'lay' | 'free' | 'leave' {
  const { freeBytes, floorBytes, ballastBytes: bytes, isLaid } = space;
  if (isLaid) return freeBytes < bytes / 2 ? 'free' : 'leave';
  return bytes > 0 && freeBytes - bytes > floorBytes * 1.5 ? 'lay' : 'leave';
}
