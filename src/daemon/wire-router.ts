// The router of the daemon.

import { availableParallelism } from 'node:os';
import type { LogClient } from '../logs/client.js';
import { createRouter, type Router } from '../router/router.js';
import { tellDroppedLines } from './dropped-lines.js';
import type { DaemonOptions } from './wire.js';

const MAX_CONNECTIONS = 10_000;
/** The router looks every ten seconds. */
const DROPPED_LINES_MS = 11_000;

/** Nothing happens before its `start`. */
export function wireRouter(
  { config, paths, log, now }: DaemonOptions,
  { logs, signal }: { logs: LogClient; signal: AbortSignal },
): Router {
  return createRouter({
    onDroppedLines: (count) => {
      tellDroppedLines(logs, { count, sinceMs: now() - DROPPED_LINES_MS }).catch((err) =>
        log.warn({ err, count }, 'dropped router lines are not told to the apps'),
      );
    },
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
