// Log collectors that stood still and were ended (collector-stall-watch.ts): told to apps, whose dynos waited as soon as the
// pipes to the collector were full, and for a day to the operator.

import type { Database } from '../db/database.js';
import type { LogClient } from '../logs/client.js';
import { listApps } from '../platform/apps.js';
import type { Finding } from '../upkeep/doctor.js';
import type { CollectorStall } from './collector-stall-watch.js';

const SHOWN_MS = 24 * 3_600_000;

export interface CollectorStalls {
  note(stall: CollectorStall): void;
  /** None when there was none in the last day. */
  findings(): Finding[];
}

/** Remembers those since the daemon started. */
export function createCollectorStalls(parts: {
  db: Database;
  logs: Pick<LogClient, 'write'>;
}): CollectorStalls {
  const { db, logs } = parts;
  let stalls: { readonly at: number; readonly stoodMs: number }[] = [];
  return {
    note({ stoodMs }) {
      stalls.push({ at: db.now(), stoodMs });
      const text = `Log collection stood still for ${seconds(stoodMs)} s: a dyno that printed much had to wait.`;
      logs.write(
        listApps(db).map(({ id: appId }) => ({ appId, source: 'heroku', process: 'logplex', text })),
      );
    },
    findings() {
      stalls = stalls.filter(({ at }) => at > db.now() - SHOWN_MS);
      if (stalls.length === 0) return [];
      const longest = Math.max(...stalls.map(({ stoodMs }) => stoodMs));
      const times = stalls.length === 1 ? 'once' : `${stalls.length} times`;
      return [
        {
          check: 'log collection',
          status: 'warn',
          detail: `stood still ${times} in the last day, ${seconds(longest)} s at most, and was started anew; dynos that print waited`,
          hint: 'Did somebody stop the process? Read DATA_DIR/log/collector.log: is the disk or the memory too small?',
        },
      ];
    },
  };
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
