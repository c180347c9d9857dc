// Constructs the upkeep and connects it: who is told what it finds.

import type { Deploys } from '../build/deploys.js';
import type { Database } from '../db/database.js';
import type { Dynos } from '../dynos/dynos.js';
import { LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import type { LogClient } from '../logs/client.js';
import type { DiskSpace } from '../upkeep/disk-space.js';
import { createLayerWatch, type LayerNotice } from '../upkeep/layer-watch.js';
import { runUpkeep, TIMING, type UpkeepDeps } from '../upkeep/upkeep.js';
import type { DiskConfig } from './disk-config.js';
import type { DaemonOptions } from './wire.js';

interface Parts {
  readonly db: Database;
  readonly engine: Engine;
  readonly logs: LogClient;
  readonly dynos: Dynos;
  readonly deploys: Deploys;
  readonly space: DiskSpace;
  readonly disk: DiskConfig;
}

/** The upkeep of this daemon. Nothing runs before `run`. */
export function wireUpkeep(options: DaemonOptions, parts: Parts): UpkeepDeps & { run: Run } {
  const { paths, identity } = options;
  const { db, engine, logs, deploys, space, disk } = parts;
  const log = options.log.child({ part: 'upkeep' });
  const deps: UpkeepDeps = {
    db,
    engine,
    log,
    space,
    layers: createLayerWatch({
      engine,
      limits: { dynoBytes: disk.dynoBytes, buildBytes: disk.buildBytes },
      notify: (notice) => takeNotice(parts, notice),
      log,
    }),
    isBuilding: (buildId) => deploys.find(buildId) !== undefined,
    say: (appId, text) => logs.write([{ appId, source: 'heroku', process: 'upkeep', text }]),
    folders: paths,
    paths,
    settings: {
      instance: identity.instance,
      keptReleases: disk.keptReleases,
      keptBuilds: disk.keptBuilds,
      cacheMaxBytes: disk.cacheMaxBytes,
    },
    timing: { ...TIMING, checkMs: disk.checkMs },
    ballastBytes: disk.ballastBytes,
    keptBackups: disk.keptBackups,
  };
  return { ...deps, run: (signal) => runUpkeep(deps, signal) };
}

type Run = (signal: AbortSignal) => Promise<void>;

/** A container is near its disk limit, or over it. */
async function takeNotice(
  { engine, logs, dynos, deploys }: Parts,
  { kind, container, bytes, limitBytes, biggest, text }: LayerNotice,
): Promise<void> {
  const { labels } = container;
  const appId = labels[LABEL.app];
  const role = labels[LABEL.role];
  if (appId === undefined) return;
  const process = role === 'build' ? 'build' : `${labels[LABEL.type]}.${labels[LABEL.number]}`;
  const say = () => logs.write([{ appId, source: 'heroku', process, text }]);
  if (kind === 'near') say();
  else if (role === 'dyno') {
    dynos.condemn(container.id, {
      kind: 'disk-exceeded',
      reason: text,
      evidence: { bytes, limitBytes, biggest },
    });
  } else if (role === 'build') {
    await deploys.find(labels[LABEL.build] ?? '')?.cancel(text);
  } else {
    say();
    await engine.signalContainer(container.id, 'SIGKILL');
  }
}
