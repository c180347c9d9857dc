// What the API and operators ask of the upkeep.

import type { App } from '../platform/apps.js';
import type { Release } from '../platform/releases.js';
import { examine, type Finding } from './doctor.js';
import { formatMetrics } from './prometheus.js';
import { requireImage } from './release-runnable.js';
import { type FactSources, gatherFacts } from './server-facts.js';
import { gatherMetrics, type MetricSources } from './server-metrics.js';

export interface ServerUpkeep {
  /** Throws `storage_full` when no build may begin, or `bytes` more would make it so. */
  requireSpace(needs?: { readonly bytes: number }): Promise<void>;
  /** Throws `invalid_params` when the release's image is gone. */
  requireImage(app: App, release: Release): Promise<void>;
  /** How the server is; takes some seconds. */
  examine(): Promise<Finding[]>;
  /** The figures, in Prometheus' text format. */
  metrics(): Promise<string>;
}

/** `moreFindings`: checks of other parts of the house, asked each time. */
export function createServerUpkeep(
  sources: FactSources &
    MetricSources & { readonly moreFindings: readonly (() => Promise<readonly Finding[]>)[] },
): ServerUpkeep {
  return {
    requireSpace: (needs) => sources.space.requireSpace(needs),
    requireImage: (app, release) => requireImage(sources, app, release),
    async examine() {
      const findings = examine(await gatherFacts(sources));
      for (const look of sources.moreFindings) findings.push(...(await look()));
      return findings;
    },
    metrics: async () => formatMetrics(await gatherMetrics(sources)),
  };
}
