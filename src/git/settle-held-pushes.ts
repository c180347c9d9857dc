// At the start of the daemon: what becomes of the pushes that the daemon before held.

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type GitSource, readStoredSource } from '../build/source.js';
import type { Database } from '../db/database.js';
import type { BuildId } from '../ids.js';
import { type Build, getBuild } from '../platform/builds.js';
import { onChange } from '../platform/changes.js';
import { getRelease } from '../platform/releases.js';
import { type GitPlace, heldDirectory, removeObjectDirectory } from './repository.js';

/** What ends the holding of a push. Never rejects. */
type End = (source: GitSource, outcome: { moves: boolean }) => Promise<void>;

/**
 * Moves the branches of releases whose daemon died before it did, and removes what no build waits for. A release
 * command that still runs decides later.
 */
export async function settleHeldPushes(deps: { db: Database; place: GitPlace; end: End }): Promise<void> {
  const { place } = deps;
  const undecided = new Map<BuildId, GitSource>();
  const names = existsSync(place.repositories) ? await readdir(place.repositories) : [];
  for (const name of names) {
    const directory = heldDirectory(join(place.repositories, name));
    const held = existsSync(directory) ? await readdir(directory) : [];
    for (const buildId of held) await settleOne(deps, undecided, { directory, buildId });
  }
  if (undecided.size > 0) settleWhenDecided(deps, undecided);
}

async function settleOne(
  { db, end }: { db: Database; end: End },
  undecided: Map<BuildId, GitSource>,
  { directory, buildId }: { directory: string; buildId: string },
): Promise<void> {
  const build = getBuild(db, buildId);
  const source = build?.source === undefined ? undefined : readStoredSource(build.source);
  if (build === undefined || source?.kind !== 'git') {
    await removeObjectDirectory(join(directory, buildId));
    return;
  }
  const fate = fateOf(db, build);
  if (fate === 'undecided') undecided.set(build.id, source);
  else if (fate !== 'wait') await end(source, { moves: fate === 'move' });
}

function settleWhenDecided(deps: { db: Database; end: End }, undecided: Map<BuildId, GitSource>): void {
  const { db, end } = deps;
  const stop = onChange(db, ({ kind }) => {
    if (kind !== 'release-changed') return;
    for (const [id, source] of undecided) {
      const build = getBuild(db, id);
      const fate = build === undefined ? 'drop' : fateOf(db, build);
      if (fate === 'undecided') continue;
      undecided.delete(id);
      void end(source, { moves: fate === 'move' });
    }
    if (undecided.size === 0) stop();
  });
}

function fateOf(db: Database, build: Build): 'wait' | 'undecided' | 'move' | 'drop' {
  if (build.status === 'queued' || build.status === 'pending') return 'wait';
  const release = build.releaseId === undefined ? undefined : getRelease(db, build.releaseId);
  if (release?.status === 'pending') return 'undecided';
  // One that was rolled back meanwhile is built again when it is pushed again.
  return release?.current ? 'move' : 'drop';
}
