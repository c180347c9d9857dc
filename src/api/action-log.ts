// What users do to an app leaves a line `app[api]` in the app's own log, worded as Heroku does.

import type { AppId } from '../ids.js';
import type { NewLogLine } from '../logs/line.js';
import type { Account } from '../platform/accounts.js';
import type { FormationEntry } from '../platform/formation.js';
import type { Release } from '../platform/releases.js';

/** The part of the log client that takes lines. */
export interface LogWriter {
  write(lines: NewLogLine[]): void;
}

/** Writes down who did what. */
export type ActionLog = (appId: AppId, by: Account, texts: readonly string[]) => void;

/** Lines such as `Scaled to web@3:512M by user a@b.c`. */
export function createActionLog(logs: LogWriter): ActionLog {
  return (appId, by, texts) =>
    logs.write(
      texts.map((text) => ({ appId, source: 'app', process: 'api', text: `${text} by user ${by.email}` })),
    );
}

/** What is said of a new release: what changed (`Set FOO config vars`), and its number. */
export function releaseTexts(release: Release): string[] {
  return [release.description, `Release v${release.version} created`];
}

/** What is said of a new scale. */
export function scaleText(formation: readonly FormationEntry[], types: ReadonlySet<string>): string {
  const scaled = formation.filter((entry) => types.has(entry.type));
  return `Scaled to ${scaled.map((entry) => `${entry.type}@${entry.quantity}:${entry.size}`).join(' ')}`;
}
