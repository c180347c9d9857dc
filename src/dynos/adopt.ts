// Takes on containers that an earlier daemon made, or whose life was lost: dynos outlive the daemon.

import type { Database } from '../db/database.js';
import type { Container } from '../engine/engine.js';
import { getApp } from '../platform/apps.js';
import { getEnding } from '../platform/dyno-endings.js';
import { hasPassed } from '../platform/passed-dynos.js';
import { type AwaitUpDeps, awaitDynoUp } from './await-up.js';
import type { Hands } from './carry-out.js';
import { readDynoContainer } from './dyno.js';
import type { Lives } from './lives.js';
import { type StopReason, slotKey } from './plan.js';

export interface AdoptDeps {
  readonly db: Database;
  readonly lives: Lives;
  readonly start: AwaitUpDeps;
  readonly hands: Pick<Hands, 'begin' | 'discard' | 'follow'>;
}

/**
 * Gives a dyno container a life that has none: call it with each container of a new list. What runs and has come up once
 * is up; what has not is checked; a stop that had begun goes on; what was made and will not be started is removed, which
 * nobody waits for. Leaves alone what is no dyno, has a life, has ended (the plan buries it), or is gone since the list.
 */
export function adoptContainer(deps: AdoptDeps, container: Container, signal: AbortSignal): void {
  const { lives, db, hands } = deps;
  const dyno = readDynoContainer(container, 'starting');
  if (dyno === undefined || lives.isGone(container.id)) return;
  if (container.state === 'created' && !lives.starting.has(slotKey(dyno))) {
    // Whoever made it will not start it: an earlier daemon, or one of ours that lost the engine's answer.
    hands.discard(container.id, dyno.appId);
    return;
  }
  if (lives.get(container.id) !== undefined) return;
  const ending = getEnding(db, container.id);
  if (ending !== undefined) {
    // An earlier daemon was stopping it, or its stop failed: that goes on.
    lives.enter(container.id, 'up', container.createdAt);
    // Only a stop writes it, with the reason of its plan.
    const why = ending.why as StopReason;
    hands.begin({ kind: 'stop', container: dyno, why }, signal);
    return;
  }
  if (container.state !== 'running' && container.state !== 'paused') return;
  const app = getApp(db, dyno.appId);
  // A slow answer now is no reason to take requests from it.
  const isUp = hasPassed(db, dyno);
  lives.enter(container.id, isUp ? 'up' : 'starting', container.createdAt);
  if (isUp || app === undefined) return;
  hands.follow(awaitDynoUp(deps.start, { ...dyno, app, signal }), { what: 'check', appId: app.id });
}
