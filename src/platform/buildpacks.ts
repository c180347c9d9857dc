// Buildpacks: which ones an app is built with. In-tree ones by name, others by the https URL of their git repository.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { Account } from './accounts.js';
import { type App, getApp } from './apps.js';
import { createSettingsRelease } from './make-release.js';

const IN_TREE_BUILDPACKS = ['nodejs', 'python', 'go', 'static', 'dockerfile'] as const;
const MAX_BUILDPACKS = 20;

/**
 * Sets the whole list; empty means detection. Used from the next build on, recorded as a release when it is another
 * list than before. Throws `invalid_params`.
 */
export function setBuildpacks(
  db: Database,
  options: { app: App; by: Account; buildpacks: readonly string[] },
): App {
  const buildpacks = options.buildpacks.map(checkBuildpack);
  if (buildpacks.length > MAX_BUILDPACKS) {
    throw new PaasError('invalid_params', `An app has at most ${MAX_BUILDPACKS} buildpacks.`);
  }
  if (new Set(buildpacks).size < buildpacks.length) {
    throw new PaasError('invalid_params', 'A buildpack is in the list twice.');
  }
  return db.write((announce) => {
    const present = getApp(db, options.app.id) ?? options.app;
    if (buildpacks.join(' ') === present.buildpacks.join(' ')) return present;
    db.sql
      .prepare('update apps set buildpacks = ?, updated_at = ? where id = ?')
      .run(JSON.stringify(buildpacks), db.now(), options.app.id);
    const description = `Set buildpacks to ${buildpacks.join(', ') || 'detection'}`;
    createSettingsRelease(db, { app: options.app, by: options.by, description });
    announce({ kind: 'app-changed', appId: options.app.id });
    return getApp(db, options.app.id) ?? options.app;
  });
}

/** A buildpack in its one spelling: an in-tree name or `https://host/path[#ref]`. Throws `invalid_params`. */
export function checkBuildpack(text: string): string {
  const name = text.replace(/^(heroku|paas)\//, '');
  if ((IN_TREE_BUILDPACKS as readonly string[]).includes(name)) return name;
  const match =
    /^https:\/\/[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?\/[A-Za-z0-9._~/-]+(#[A-Za-z0-9][A-Za-z0-9._/-]*)?$/.exec(
      text,
    );
  if (match === null || text.length > 500 || text.includes('..') || text.endsWith('\n')) {
    throw new PaasError(
      'invalid_params',
      `Buildpack ${quoteValue(text)} is neither a known name nor an https URL.`,
      {
        hint: `Known names: ${IN_TREE_BUILDPACKS.join(', ')}; or https://host/owner/repository#branch.`,
      },
    );
  }
  return text;
}
