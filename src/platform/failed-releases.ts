// What a failed release command means for the releases that were made while it ran.

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { ReleaseId } from '../ids.js';
import { getApp } from './apps.js';
import { changeConfig, configDifference } from './config-vars.js';
import {
  configOfVersion,
  getRelease,
  getReleaseConfig,
  listReleases,
  pendingReleases,
  type Release,
  setReleaseStatus,
} from './releases.js';

/**
 * Records that the release command failed. The releases that were built on this one have its code and config vars, so
 * they fail too; the config vars that those changed are changed again, on what goes on. What is newer took these config
 * vars along, or went back from them: then they are changed again only when that fails as well.
 */
export function failRelease(db: Database, options: { release: Release; output: string }): void {
  const { release, output } = options;
  const { appId } = release;
  db.write(() => {
    setReleaseStatus(db, { releaseId: release.id, status: 'failed', output });
    const lost = builtUpon(db, release);
    for (const { id } of lost) setReleaseStatus(db, { releaseId: id, status: 'failed' });
    const owed = [...carriedBy(db, [release, ...lost]), ...lost];
    const left = listReleases(db, appId).filter(({ status }) => status !== 'failed');
    for (const each of owed) {
      const carrier = left.findLast(({ version }) => version > each.version);
      noteCarrier(db, each, carrier);
      const again = carrier === undefined ? changeAgain(db, each) : '';
      const text = `It was built on v${each.builtOn}, which failed.${again}\n`;
      setReleaseStatus(db, { releaseId: each.id, status: 'failed', output: text });
    }
  });
}

/** Failed releases whose changes of config vars went on in one of these, oldest first; all are older than these. */
function carriedBy(db: Database, carriers: readonly Release[]): Release[] {
  const find = db.sql.prepare('select id from releases where app_id = ? and carried_by = ?').pluck();
  const ids = carriers.flatMap(({ appId, version }) => find.all(appId, version) as ReleaseId[]);
  const releases = ids.map((id) => getRelease(db, id)).filter((release) => release !== undefined);
  return releases.sort((a, b) => a.version - b.version);
}

function noteCarrier(db: Database, release: Release, carrier: Release | undefined): void {
  db.sql.prepare('update releases set carried_by = ? where id = ?').run(carrier?.version ?? null, release.id);
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
  const updates = configDifference(before, getReleaseConfig(db, release.id));
  try {
    const made = changeConfig(db, { app, by: { id: release.accountId }, updates });
    return made === undefined ? '' : ` Its change of config vars is v${made.version}.`;
  } catch (error) {
    if (!(error instanceof PaasError)) throw error;
    return ` Its change of config vars could not be made again: ${error.message}`;
  }
}
