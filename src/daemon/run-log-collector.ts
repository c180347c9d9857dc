// The life of the log collector, a process of its own that paasd starts (ensure-collector.ts) and that outlives it.

import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { anySignal } from '../any-signal.js';
import { LABEL } from '../engine/container-spec.js';
import { createDockerEngine } from '../engine/docker.js';
import type { Container, Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import type { CollectorEngine } from '../logs/collected-containers.js';
import { type CollectorLimits, DEFAULT_LIMITS, LogCollector } from '../logs/collector.js';
import { CollectorServer } from '../logs/collector-server.js';
import type { CollectedContainer } from '../logs/container-output.js';
import type { ContainerState } from '../logs/output-engine.js';
import type { AppAccess } from '../router/access-log-reader.js';
import { createRequestMeter, type RequestMeter } from '../router/request-meter.js';
import { createClockUs } from './clock-us.js';
import { takeSocket } from './process-lock.js';

/** Passed on to containers that this process never makes. */
const MAX_OPEN_FILES = 1024;

/** What the collector process needs to know. */
export interface CollectorSettings {
  readonly dataDir: string;
  readonly dockerSocket: string;
  readonly instance: string;
  /** Of the code and the settings that it runs with; told to daemons. */
  readonly stamp: string;
  readonly retention: { readonly bytes: number; readonly days: number };
  readonly limits?: Partial<CollectorLimits>;
}

/**
 * Collects until `signal` aborts, then stores what is there and ends. Throws when another collector serves the data
 * directory. `accessLog` brings the router's lines.
 */
export async function runLogCollector(
  settings: CollectorSettings,
  options: {
    log: Logger;
    signal: AbortSignal;
    accessLog?: AsyncIterable<readonly AppAccess[]>;
  },
): Promise<void> {
  const { dataDir, instance, stamp, retention } = settings;
  const { log, signal, accessLog } = options;
  const runDir = join(dataDir, 'run');
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  const socketPath = join(runDir, 'collector.sock');
  using _lock = await takeSocket({ socketPath, pidPath: join(runDir, 'collector.pid') });
  const failed = new AbortController();
  using either = anySignal(signal, failed.signal);
  const stop = either.signal;
  const engine = createDockerEngine({
    socketPath: settings.dockerSocket,
    instance,
    maxOpenFiles: MAX_OPEN_FILES,
    log,
  });
  await using collector = await LogCollector.start({
    engine: collectorEngine(engine),
    storePath: join(dataDir, 'logs.sqlite'),
    retention,
    limits: { ...DEFAULT_LIMITS, ...settings.limits },
    nowUs: createClockUs(),
    log,
    onStoreDeath: (err) => {
      log.fatal({ err }, 'the log store has failed');
      failed.abort(err);
    },
  });
  const meter = createRequestMeter(Date.now);
  await using server = new CollectorServer({ collector, log, stamp, requests: meter.report });
  await server.listen(socketPath);
  log.info({ socketPath }, 'log collector ready');
  if (accessLog !== undefined) {
    takeAccessLog({ collector, meter }, accessLog).catch((err) => log.error({ err }, 'access log has ended'));
  }
  if (!stop.aborted) await once(stop, 'abort');
  if (failed.signal.aborted) throw new Error('the log store has failed', { cause: failed.signal.reason });
}

async function takeAccessLog(
  to: { collector: LogCollector; meter: RequestMeter },
  batches: AsyncIterable<readonly AppAccess[]>,
): Promise<void> {
  for await (const batch of batches) {
    to.meter.count(batch);
    for (const { appId, text, lineCount } of batch)
      to.collector.appendText({ appId, source: 'heroku', process: 'router', text, lineCount });
  }
}

/** The engine as the collector sees it. */
function collectorEngine(engine: Engine): CollectorEngine {
  return {
    attach: (id, options) => engine.attach(id, options),
    readLogs: (id, options) => engine.readLogs(id, options),
    async containerState(id) {
      try {
        return toState((await engine.inspectContainer(id)).state);
      } catch (error) {
        if (error instanceof PaasError && error.id === 'not_found') return 'gone';
        throw error;
      }
    },
    async listContainers() {
      return (await engine.listContainers()).map((container) => ({
        containerId: container.id,
        state: toState(container.state),
        collected: collectedContainer(container),
      }));
    },
  };
}

/** Dynos and release phases log by themselves; one-off dynos only when somebody attached them by name. */
function collectedContainer({ id, labels }: Container): CollectedContainer | undefined {
  const role = labels[LABEL.role];
  const appId = labels[LABEL.app];
  const type = labels[LABEL.type];
  const number = labels[LABEL.number];
  if ((role !== 'dyno' && role !== 'release-phase') || appId === undefined) return undefined;
  if (type === undefined || number === undefined) return undefined;
  return { containerId: id, appId, process: `${type}.${number}`, tty: false };
}

function toState(state: Container['state']): ContainerState {
  switch (state) {
    case 'created':
      return 'created';
    case 'exited':
    case 'dead':
    case 'removing':
      return 'ended';
    default:
      return 'running';
  }
}
