#!/usr/bin/env node
// The main of paasd. Exit code 0 after SIGTERM or SIGINT, 1 when it cannot start or go on.

import { randomBytes, randomUUID } from 'node:crypto';
import { createLogger, type Logger } from '../log.js';
import { loadConfig, platformUrl, prepareDataDir, readIdentity } from './config.js';
import { takeSocket } from './process-lock.js';
import { VERSION } from './version.js';
import { type Daemon, wireDaemon } from './wire.js';

const STOP_LIMIT_MS = 10_000;

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const log = createLogger({ level: config.logLevel, isTty: process.stdout.isTTY, name: 'paasd' });
  const paths = prepareDataDir(config.dataDir);
  using _lock = await takeSocket({ socketPath: paths.hookSocket, pidPath: paths.daemonPid });
  const asked = signalled();
  const daemon = await wireDaemon({
    config,
    paths,
    identity: readIdentity(config.dataDir, { bytes: randomBytes }),
    env: process.env,
    log,
    now: Date.now,
    random: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
    newId: randomUUID,
  });
  try {
    await Promise.race([daemon.start(), asked]);
    log.info({ version: VERSION, url: platformUrl(config) }, 'ready');
    log.info({ signal: await Promise.race([asked, daemon.failed]) }, 'stopping');
  } finally {
    await stopInTime(daemon, log);
  }
}

/** Resolves with the name of the first signal that asks for the end. */
function signalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
}

async function stopInTime(daemon: Daemon, log: Logger): Promise<void> {
  // What has not ended by then is cut off: a restart finds it and finishes it.
  setTimeout(() => {
    log.warn('not everything ended in time; leaving');
    process.kill(process.pid, 'SIGKILL');
  }, STOP_LIMIT_MS).unref();
  await daemon.stop();
}

main().catch((error: unknown) => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`paasd: ${text}\n`);
  process.exitCode = 1;
});
