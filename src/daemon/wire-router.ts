// The router of the daemon.

import { availableParallelism } from 'node:os';
import type { Database } from '../db/database.js';
import type { LogClient } from '../logs/client.js';
import { createRouter, type Router } from '../router/router.js';
import { createDroppedLinesTeller } from './dropped-lines.js';
import type { DaemonOptions } from './wire.js';

const MAX_CONNECTIONS = 10_000;

/** Nothing happens before its `start`. */
export function wireRouter(
  { config, paths, log }: DaemonOptions,
  { db, logs, signal }: { db: Database; logs: LogClient; signal: AbortSignal },
): Router {
  return createRouter({
    onDroppedLines: createDroppedLinesTeller({ db, logs, log, signal }),
    dir: paths.haproxy,
    bindAddress: config.bindAddress,
    httpPort: config.httpPort,
    maxConnections: MAX_CONNECTIONS,
    threads: Math.max(1, Math.floor(availableParallelism() / 2)),
    runAs: undefined,
    haproxyPath: config.haproxyPath,
    accessLogPath: paths.accessLog,
    log: log.child({ part: 'router' }),
    signal,
  });
}
