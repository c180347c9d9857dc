// Dynos: the processes of an app, each in a container of its own. This file has their names and states; plan.ts says
// what is to be done, start-dyno.ts and stop-dyno.ts do it, reconcile.ts is the loop that joins them.

import { LABEL } from '../engine/container-spec.js';
import type { Container } from '../engine/engine.js';
import type { AppId, ReleaseId } from '../ids.js';
import type { Evidence, IncidentKind } from '../platform/incidents.js';

/** A dyno as users see it. */
export interface Dyno {
  /** `web.1`, `worker.2`, `run.1234`. */
  readonly name: string;
  readonly type: string;
  readonly number: number;
  readonly state: DynoState;
  readonly releaseVersion: number;
  readonly releaseId: ReleaseId | undefined;
  readonly command: string;
  readonly size: string;
  /** Epoch ms of the last change of state. */
  readonly updatedAt: number;
  /** Epoch ms of the next start of a crashed one. */
  readonly nextTryAt?: number | undefined;
  readonly containerId: string | undefined;
  readonly ip: string | undefined;
}

/**
 * starting: its container boots, nothing is routed to it. up: it runs (and, for web, passed its check). crashed: it
 * ended by itself and waits for its next try. idle: its app sleeps, a request starts it. down: stopped by a user, or being
 * stopped.
 */
export type DynoState = 'starting' | 'up' | 'crashed' | 'idle' | 'down';

/** Where a container of the formation is in its life, as far as the engine cannot tell. */
export type Phase =
  /** Created or running, its check has not passed. */
  | 'starting'
  /** Its check passed (web), or it runs (other types). */
  | 'up'
  /** Being drained and stopped. */
  | 'stopping';

/** Why a container that runs must end as if it had crashed: a failed check, too much disk. */
export interface Verdict {
  readonly kind: IncidentKind;
  /** One sentence, as the app's log and its incidents say it. */
  readonly reason: string;
  readonly evidence?: Evidence;
  /** Its processes cannot run, so they are not given time to end. */
  readonly cannotEndItself?: true;
}

/** A container of the formation as the loop sees it. */
export interface DynoContainer {
  readonly containerId: string;
  readonly appId: AppId;
  readonly type: string;
  readonly number: number;
  readonly releaseVersion: number;
  readonly memoryBytes: number;
  /** How many restarts of the dyno had been asked for when it was made. */
  readonly restarts: number;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly isRunning: boolean;
  /** It has ended, its end is recorded, and its removal is under way: its place is free. */
  readonly isOver?: boolean | undefined;
  readonly phase: Phase;
  readonly verdict?: Verdict | undefined;
  readonly ip: string | undefined;
}

/** The container's place in the formation; undefined when it is not a dyno of one. */
export function readDynoContainer(container: Container, phase: Phase): DynoContainer | undefined {
  const { labels } = container;
  const number = Number(labels[LABEL.number]);
  const releaseVersion = Number(labels[LABEL.release]);
  const type = labels[LABEL.type];
  const appId = labels[LABEL.app];
  if (labels[LABEL.role] !== 'dyno' || !type || !appId || !(number >= 1) || !(releaseVersion >= 1))
    return undefined;
  return {
    containerId: container.id,
    // Only dynoSpec writes this label, from an AppId.
    appId: appId as AppId,
    type,
    number,
    releaseVersion,
    memoryBytes: Number(labels[LABEL.memory]),
    // One of an earlier version, which did not count them, is as good as one that was made for none.
    restarts: Number(labels[LABEL.restarts] ?? 0),
    createdAt: container.createdAt,
    isRunning: ['running', 'created', 'paused'].includes(container.state),
    phase,
    ip: container.ip,
  };
}

export function dynoName(dyno: { type: string; number: number }): string {
  return `${dyno.type}.${dyno.number}`;
}

/** The name HAProxy knows a container by: the same dyno of two releases has two. */
export function serverName(dyno: DynoContainer): string {
  return `${dynoName(dyno)}-${dyno.containerId.slice(0, 12)}`;
}
