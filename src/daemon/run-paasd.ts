// paasd from start to end: settings, the data directory's lock, the wired parts, signals.

import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { EngineUnsupportedError } from '../engine/engine-version.js';
import { PaasError } from '../errors.js';
import { createLogger, type Logger } from '../log.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { freeBallastWhenFull } from '../upkeep/ballast.js';
import { loadConfig, platformUrl, prepareDataDir, readIdentity } from './config.js';
import { holdSocket, takeSocket } from './process-lock.js';
import { VERSION } from './version.js';
import { type Daemon, wireDaemon } from './wire.js';

const STOP_LIMIT_MS = 10_000;
const OOM_SCORE_ADJ = '-900';
/** Tells the supervisor that another start would fail like this one (EX_CONFIG of sysexits.h). */
const EXIT_UNUSABLE = 78;

/** Runs until a signal or a failure ends it; sets the exit code. `onStep` is for tests. */
export async function runPaasd(options: { onStep?: OnStep } = {}): Promise<void> {
  await main(options.onStep).catch((error: unknown) => {
    process.stderr.write(`paasd: ${describe(error)}\n`);
    process.exitCode = error instanceof EngineUnsupportedError ? EXIT_UNUSABLE : 1;
  });
}

/** What a user can mend is told without where it was found. */
function describe(error: unknown): string {
  if (error instanceof PaasError)
    return error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function main(onStep: OnStep | undefined): Promise<void> {
  const config = loadConfig(process.env);
  const log = createLogger({ level: config.logLevel, isTty: process.stdout.isTTY, name: 'paasd' });
  const paths = prepareDataDir(config.dataDir);
  await freeBallastWhenFull(paths.ballast);
  // Apps and builds go first when memory runs out: not this, nor the router and the collector, which inherit it.
  await writeFile('/proc/self/oom_score_adj', OOM_SCORE_ADJ).catch(() => undefined);
  using _lock = await takeSocket({ socketPath: paths.daemonSocket, pidPath: paths.daemonPid });
  await holdSocket(paths.daemonSocket);
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
    onStep,
  });
  try {
    const ready = daemon.start().then(() => {
      log.info({ version: VERSION, url: platformUrl(config) }, 'ready');
    });
    await Promise.race([ready, asked]);
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
