// What a failed release command means for the releases that were made while it ran.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import { getApp } from './apps.js';
import { changeConfig } from './config-vars.js';
import {
  configOfVersion,
  getReleaseConfig,
  latestRelease,
  pendingReleases,
  type Release,
  setReleaseStatus,
} from './releases.js';

/**
 * Records that the release command failed. The releases that were built on this one have its code and config vars, so
 * they fail too; the config vars that those changed are changed again, on what goes on.
 */
export function failRelease(db: Database, options: { release: Release; output: string }): void {
  const { release, output } = options;
  db.write(() => {
    setReleaseStatus(db, { releaseId: release.id, status: 'failed', output });
    const lost = builtUpon(db, release);
    for (const { id } of lost) setReleaseStatus(db, { releaseId: id, status: 'failed' });
    // What is newer took these config vars along, or went back from them.
    const newest = latestRelease(db, release.appId)?.version ?? 0;
    for (const each of lost) {
      const again = newest > each.version ? '' : changeAgain(db, each);
      const text = `It was built on v${each.builtOn}, which failed.${again}\n`;
      setReleaseStatus(db, { releaseId: each.id, status: 'failed', output: text });
    }
  });
}

/** Oldest first. */
function builtUpon(db: Database, release: Release): Release[] {
  const versions = new Set<number | undefined>([release.version]);
  return pendingReleases(db, release.appId).filter(({ version, builtOn }) => {
    const isLost = builtOn !== undefined && versions.has(builtOn);
    if (isLost) versions.add(version);
    return isLost;
  });
}

/** Says what became of the change. */
function changeAgain(db: Database, release: Release): string {
  const app = getApp(db, release.appId);
  if (app === undefined || release.builtOn === undefined) return '';
  const before = configOfVersion(db, release.appId, release.builtOn);
  const updates = difference(before, getReleaseConfig(db, release.id));
  try {
    const made = changeConfig(db, { app, by: { id: release.accountId }, updates });
    return made === undefined ? '' : ` Its change of config vars is v${made.version}.`;
  } catch (error) {
    if (!(error instanceof PaasError)) throw error;
    return ` Its change of config vars could not be made again: ${error.message}`;
  }
}

function difference(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const set = Object.entries(after).filter(([key, value]) => before[key] !== value);
  return Object.fromEntries([...removed.map((key) => [key, null] as const), ...set]);
}
