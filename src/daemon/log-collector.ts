#!/usr/bin/env node
// The main of the log collector. paasd starts it (ensure-collector.ts); it goes on while paasd is stopped or upgraded.

import { randomBytes } from 'node:crypto';
import { createLogger } from '../log.js';
import { receiveAccessLog } from '../router/access-log-pipe.js';
import { collectorSettings } from './collector-settings.js';
import { loadConfig, prepareDataDir, readIdentity } from './config.js';
import { runLogCollector } from './run-log-collector.js';

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const log = createLogger({ level: config.logLevel, isTty: process.stdout.isTTY, name: 'paas-logs' });
  const stopping = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort());
  const paths = prepareDataDir(config.dataDir);
  const { instance } = readIdentity(config.dataDir, { bytes: randomBytes });
  await runLogCollector(collectorSettings(config, instance), {
    log,
    signal: stopping.signal,
    accessLog: receiveAccessLog({ path: paths.accessLog, signal: stopping.signal }),
  });
}

main().catch((error: unknown) => {
  process.stderr.write(
    `log collector: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
});
