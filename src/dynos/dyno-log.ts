// What the platform says in an app's log about its dynos, and the hand-over of their output to the log collector.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import type { LogClient } from '../logs/client.js';

export interface DynoLog {
  /** A line of the platform itself: `heroku[web.1]: text`. */
  platform(appId: string, process: string, text: string): void;
  /** Opens the collector's streams of a container; call it before the container starts. */
  attach(container: { containerId: string; appId: string; process: string; tty: boolean }): Promise<void>;
}

// An app must not wait for its log longer than this; the engine's own file fills the gap later.
const ATTACH_TIMEOUT_MS = 3000;

export function createDynoLog(options: { logs: Pick<LogClient, 'attach' | 'write'>; log: Logger }): DynoLog {
  const { logs, log } = options;
  return {
    platform: (appId, process, text) => logs.write([{ appId, source: 'heroku', process, text }]),
    async attach(container) {
      const timer = new AbortController();
      const attached = logs.attach(container).then(
        () => 'attached' as const,
        (error: unknown) => error,
      );
      const outcome = await Promise.race([
        attached,
        sleep(ATTACH_TIMEOUT_MS, 'timed out' as const, { signal: timer.signal }).catch(
          () => 'timed out' as const,
        ),
      ]);
      timer.abort();
      if (outcome !== 'attached') {
        log.warn(
          { err: outcome, container: container.containerId },
          'the log collector could not attach in time',
        );
      }
    },
  };
}
