// The HTTP server of the daemon: API, git, dashboard.

import type { FastifyInstance } from 'fastify';
import { buildServer } from '../api/server.js';
import type { Deploys } from '../build/deploys.js';
import type { Database } from '../db/database.js';
import type { Dynos } from '../dynos/dynos.js';
import type { Pushes } from '../git/pushes.js';
import type { LogClient } from '../logs/client.js';
import { platformUrl } from './config.js';
import { createFreeFiles } from './free-files.js';
import { VERSION } from './version.js';
import type { DaemonOptions } from './wire.js';
import type { WiredUpkeep } from './wire-upkeep.js';

interface ServerParts {
  readonly db: Database;
  readonly logs: LogClient;
  readonly deploys: Deploys;
  readonly pushes: Pushes;
  readonly dynos: Dynos;
  readonly upkeep: WiredUpkeep;
}

/** The server, which does not listen yet. */
export async function wireServer(
  { config, paths, identity, log }: DaemonOptions,
  parts: ServerParts,
): Promise<FastifyInstance> {
  const { dynos, ...others } = parts;
  return await buildServer({
    ...others,
    dynos,
    oneOffs: dynos.oneOffs,
    why: dynos.why,
    log: log.child({ part: 'api' }),
    freeFiles: createFreeFiles(() => performance.now()),
    urls: {
      platform: platformUrl(config),
      appDomain: config.domain,
      platformHost: config.platformHost,
      appPort: config.httpPort === 80 ? '' : `:${config.httpPort}`,
    },
    settings: {
      signingKey: identity.key,
      uploadsDirectory: paths.uploads,
      maxSourceBytes: config.maxSourceBytes,
      dashboardDirectory: config.webUiDir,
      version: VERSION,
      dynoDefaults: config,
    },
  });
}
