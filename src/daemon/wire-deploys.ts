// Connects the deploys with the engine, the loop and the settings.

import { createSourceCheck } from '../build/archive.js';
import { atLowPriority } from '../build/at-low-priority.js';
import { buildSlug } from '../build/build.js';
import { createDeploys, type Deploys } from '../build/deploys.js';
import type { Branches } from '../build/source.js';
import type { Database } from '../db/database.js';
import type { Dynos } from '../dynos/dynos.js';
import type { BuildCpu } from '../engine/build-cpu.js';
import type { Engine } from '../engine/engine.js';
import type { LogClient } from '../logs/client.js';
import { createBuildGuard } from '../upkeep/build-guard.js';
import type { DiskSpace } from '../upkeep/disk-space.js';
import { appUrl } from './config.js';
import type { DaemonOptions } from './wire.js';

const MAX_SLUG_BYTES = 1024 ** 3;

/** The deploys of this daemon. */
export function wireDeploys(
  {
    config,
    paths,
    identity,
    log,
    onStep,
  }: Pick<DaemonOptions, 'config' | 'paths' | 'identity' | 'log' | 'onStep'>,
  parts: {
    readonly db: Database;
    readonly engine: Engine;
    readonly buildCpu: BuildCpu;
    readonly logs: LogClient;
    readonly dynos: Dynos;
    readonly network: string;
    readonly space: DiskSpace;
    readonly branches: Branches;
  },
): Deploys {
  const { db, engine, buildCpu, logs, dynos, network, space, branches } = parts;
  const settings = {
    instance: identity.instance,
    stackBuildImage: config.stackBuildImage,
    stackRunImage: config.stackRunImage,
    buildpacksDirectory: config.buildpacksDir,
    caBundle: config.buildCaBundle,
    memoryBytes: config.buildMemoryBytes,
    network,
    maxSourceBytes: config.maxSourceBytes,
    maxSlugBytes: MAX_SLUG_BYTES,
    buildsDockerfiles: config.buildsDockerfiles,
    requireSpace: space.requireSpace,
    archiveWorker: undefined,
  };
  const guard = createBuildGuard({ space, log: log.child({ part: 'upkeep' }) });
  const deploys = createDeploys({
    db,
    log: log.child({ part: 'build' }),
    build: (job) =>
      guard.watch(job, (signal) =>
        atLowPriority(buildCpu, signal, buildSlug({ ...job, signal, engine, settings })),
      ),
    check: createSourceCheck({ maxBytes: config.maxSourceBytes, requireSpace: space.requireSpace }),
    removeContainer: engine.removeContainer,
    branches,
    timing: { concurrency: config.buildConcurrency, timeoutMs: config.buildTimeoutMs },
    directories: { builds: paths.builds, tmp: paths.temporary, uploads: paths.uploads },
    writeLog: (line) => logs.write([line]),
    release: { rollout: dynos.rollout, appUrl: (app) => `${appUrl(config, app.name)}/` },
    onStep,
  });
  return {
    ...deploys,
    async resume() {
      await buildCpu.start();
      await deploys.resume();
    },
    async stop() {
      await deploys.stop();
      await buildCpu.stop();
    },
  };
}
