// The file systems that must not fill: that of the data directory and that of the engine. How much is free, and whether
// that is below the floor, under which no build begins.

import { stat, statfs } from 'node:fs/promises';
import type { Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';

export interface FileSystem {
  /** What lies on it: the platform's data, the engine's, or both. */
  readonly holds: 'data' | 'engine' | 'data and engine';
  /** A directory on it. */
  readonly path: string;
  readonly totalBytes: number;
  /** For who is not root. */
  readonly freeBytes: number;
  readonly floorBytes: number;
  /** Both 0 on file systems that make inodes as needed. */
  readonly totalInodes: number;
  readonly freeInodes: number;
}

/** What the operator set: bytes or a share of the file system; undefined for the default. */
export type FloorWish = { readonly bytes: number } | { readonly share: number } | undefined;

const GIB = 1024 ** 3;

/**
 * Free bytes under which no build begins. By default 5 %, at least 2 GB and at most 20 GB; on a disk so small that this
 * would be more than a fifth of it, a fifth. Pure.
 */
export function floorBytes(totalBytes: number, wish: FloorWish): number {
  if (wish !== undefined) return 'bytes' in wish ? wish.bytes : Math.round(totalBytes * wish.share);
  const usual = Math.min(Math.max(totalBytes * 0.05, 2 * GIB), 20 * GIB);
  return Math.round(Math.min(usual, totalBytes * 0.2));
}

export interface DiskSpace {
  read(): Promise<FileSystem[]>;
  /** Throws `storage_full` when a file system is below its floor, or that of the data would be with `bytes` more. */
  requireSpace(needs?: { readonly bytes: number }): Promise<void>;
}

/** The engine's directory is left out where it cannot be read here (an engine on another machine). */
export function createDiskSpace(options: {
  dataDir: string;
  engine: Pick<Engine, 'info'>;
  floor: FloorWish;
}): DiskSpace {
  let dataRoot: string | undefined;
  async function read(): Promise<FileSystem[]> {
    dataRoot ??= await options.engine.info().then(
      (info) => info.dataRoot,
      () => undefined,
    );
    const data = await readFileSystem(options.dataDir, options.floor);
    const engine =
      dataRoot === undefined
        ? undefined
        : await readFileSystem(dataRoot, options.floor).catch(() => undefined);
    if (engine === undefined) return [{ ...data, holds: 'data' }];
    if (engine.device === data.device) return [{ ...data, holds: 'data and engine' }];
    return [
      { ...data, holds: 'data' },
      { ...engine, holds: 'engine' },
    ];
  }
  return {
    read,
    async requireSpace({ bytes } = { bytes: 0 }) {
      const low = (await read()).find(({ holds, freeBytes, floorBytes }) => {
        const more = holds === 'engine' ? 0 : bytes;
        return freeBytes - more < floorBytes;
      });
      if (low !== undefined) throw belowFloor(low);
    },
  };
}

async function readFileSystem(path: string, floor: FloorWish) {
  const [{ dev }, space] = await Promise.all([stat(path), statfs(path)]);
  const totalBytes = space.blocks * space.bsize;
  return {
    device: dev,
    path,
    totalBytes,
    freeBytes: space.bavail * space.bsize,
    floorBytes: floorBytes(totalBytes, floor),
    totalInodes: space.files,
    freeInodes: space.ffree,
  };
}

function belowFloor({ freeBytes, floorBytes: floor }: FileSystem): PaasError {
  return new PaasError(
    'storage_full',
    `The server is low on disk space (${formatBytes(freeBytes)} free, builds need ${formatBytes(floor)}), so no build begins.`,
    {
      hint: 'Apps go on running. The operator sees what takes the space with: paas doctor',
    },
  );
}

/** `1.5 GB`, for people; 1024 bytes are 1 KB. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
