// The settings about disk space; docs/operations.md lists them.

import type { FloorWish } from '../upkeep/disk-space.js';
import { readBytes, readInteger, readSeconds } from './config.js';

export interface DiskConfig {
  readonly floor: FloorWish;
  readonly ballastBytes: number;
  readonly checkMs: number;
  readonly dynoBytes: number;
  readonly buildBytes: number;
  readonly cacheMaxBytes: number;
  readonly keptReleases: number;
  readonly keptBuilds: number;
  readonly keptBackups: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws an Error that names the variable when a value is not usable. */
export function loadDiskConfig(env: Environment): DiskConfig {
  return {
    floor: readFloor(env),
    ballastBytes: env['PAAS_DISK_BALLAST'] === '0' ? 0 : readBytes(env, 'PAAS_DISK_BALLAST', '256m'),
    checkMs: readSeconds(env, 'PAAS_DISK_CHECK_SECONDS', 10),
    dynoBytes: readBytes(env, 'PAAS_DYNO_DISK', '1g'),
    buildBytes: readBytes(env, 'PAAS_BUILD_DISK', '5g'),
    cacheMaxBytes: readBytes(env, 'PAAS_CACHE_MAX_BYTES', '1g'),
    keptReleases: readInteger(env, 'PAAS_KEPT_RELEASES', 10),
    keptBuilds: readInteger(env, 'PAAS_KEPT_BUILDS', 50),
    keptBackups: readInteger(env, 'PAAS_KEPT_BACKUPS', 7),
  };
}

function readFloor(env: Environment): FloorWish {
  const text = env['PAAS_DISK_FLOOR'];
  if (text === undefined || text === '') return undefined;
  const percent = /^(\d{1,2})%$/.exec(text)?.[1];
  return percent === undefined
    ? { bytes: readBytes(env, 'PAAS_DISK_FLOOR', '2g') }
    : { share: Number(percent) / 100 };
}
