// What a dyno's checks need to know of it: its address, its processes, the way commands are run in its image.

import type { Engine, ImageDetails } from '../engine/engine.js';
import type { Evidence } from '../platform/incidents.js';
import { redaction } from '../platform/redact.js';
import { commandFor } from './environment.js';
import { listeningSockets } from './listening.js';
import type { ProbeTarget } from './probe.js';
import { WEB_PORT } from './routing.js';

/** A dyno to be asked, and the pid of its first process on this host (0: unknown). */
export interface CheckTarget extends ProbeTarget {
  readonly pid: number;
}

/** Undefined when the container does not run (any more). */
export async function checkTarget(
  deps: { engine: Pick<Engine, 'inspectContainer' | 'inspectImage'>; now: () => number },
  containerId: string,
): Promise<CheckTarget | undefined> {
  const details = await deps.engine.inspectContainer(containerId);
  if (details.state !== 'running' && details.state !== 'paused') return undefined;
  let image: Promise<ImageDetails> | undefined;
  return {
    containerId,
    ip: details.ip ?? '',
    defaultPort: WEB_PORT,
    pid: details.pid,
    startedAtMs: details.startedAt ?? details.createdAt,
    now: deps.now,
    async commandLine(command) {
      image ??= deps.engine.inspectImage(details.imageId);
      const line = commandFor(command, await image);
      return [...(line.entrypoint ?? []), ...(line.command ?? [])];
    },
  };
}

/** Where the dyno listens, beside what the check saw. */
export async function withListening(target: CheckTarget, evidence: Evidence): Promise<Evidence> {
  if (evidence['check'] === 'command' || target.pid <= 0) return evidence;
  return { ...evidence, listening: await listeningSockets(target.pid) };
}

/** Evidence that may be shown: without the values of config vars. */
export function redactEvidence(evidence: Evidence, config: Readonly<Record<string, string>>): Evidence {
  const redact = redaction(config);
  return Object.fromEntries(
    Object.entries(evidence).map(([key, value]) => [key, typeof value === 'string' ? redact(value) : value]),
  );
}
