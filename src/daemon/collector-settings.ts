// What the log collector runs with, and the stamp by which a newer daemon tells a collector of other code or settings.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import type { CollectorSettings } from './run-log-collector.js';

const PROGRAM = fileURLToPath(new URL('../', import.meta.url));
const DEPENDENCIES = fileURLToPath(new URL('../../package-lock.json', import.meta.url));

/** The settings of the collector in this environment. Reads the whole program, some 2 MB. */
export function collectorSettings(
  config: Config,
  instance: string,
  program: { directory: string; dependencies: string } = { directory: PROGRAM, dependencies: DEPENDENCIES },
): CollectorSettings {
  const settings = {
    dataDir: config.dataDir,
    dockerSocket: config.dockerSocket,
    instance,
    retention: { bytes: config.logRetentionBytes, days: config.logRetentionDays },
  };
  const stamp = createHash('sha256').update(JSON.stringify([settings, config.logLevel, process.version]));
  const files = readdirSync(program.directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .sort();
  for (const file of files) stamp.update(`\0${file}\0`).update(readFileSync(join(program.directory, file)));
  if (existsSync(program.dependencies)) stamp.update(readFileSync(program.dependencies));
  return { ...settings, stamp: stamp.digest('hex').slice(0, 32) };
}
