// The checks of an app's process types: what users set, what the release's app.json declares, and the defaults.
// docs/decisions/0060-where-checks-come-from.md

import type { Database } from '../db/database.js';
import { PaasError } from '../errors.js';
import type { AppId, BuildId } from '../ids.js';
import type { PhaseChecks } from './app-json.js';
import type { App } from './apps.js';
import {
  applySettings,
  CHECK_PHASES,
  type Check,
  type CheckPhase,
  type CheckSettings,
  DEFAULT_CHECK,
  saysWhatToAsk,
} from './check.js';
import { getFormation, requireProcessType } from './formation.js';
import { currentRelease } from './releases.js';

/** Where a check comes from, the strongest first. */
export type CheckSource =
  /** `checks:set`. */
  | 'setting'
  /** The app's `health_path`. */
  | 'health_path'
  /** app.json of the release. */
  | 'app.json'
  | 'default';

/** The checks of one process type in one phase; none: the dyno only has to run. */
export interface PhaseOfType {
  readonly type: string;
  readonly phase: CheckPhase;
  readonly source: CheckSource;
  readonly checks: readonly Check[];
}

/** Which checks hold for a process type. Pure. */
function resolveChecks(options: {
  type: string;
  phase: CheckPhase;
  setting: Check | undefined;
  healthPath: string | undefined;
  declared: readonly Check[];
}): PhaseOfType {
  const { type, phase, setting, healthPath, declared } = options;
  const of = (source: CheckSource, checks: readonly Check[]) => ({
    type,
    phase,
    source,
    checks: checks.filter((check) => check.probe.kind !== 'off'),
  });
  if (setting !== undefined) return of('setting', [setting]);
  if (type === 'web' && phase === 'startup' && healthPath !== undefined) {
    return of('health_path', [applySettings(DEFAULT_CHECK, { path: healthPath })]);
  }
  if (declared.length > 0) return of('app.json', declared);
  if (type !== 'web') return of('default', []);
  return of('default', [DEFAULT_CHECK]);
}

/** The checks of a dyno's process type, by the release that it runs. */
export function checksOf(
  db: Database,
  dyno: { app: Pick<App, 'id' | 'healthPath'>; type: string; releaseVersion: number | undefined },
): Readonly<Record<CheckPhase, PhaseOfType>> {
  const { app, type } = dyno;
  const settings = readSettings(db, app.id);
  const declared = declaredChecks(db, app.id, dyno.releaseVersion)[type];
  const of = (phase: CheckPhase) =>
    resolveChecks({
      type,
      phase,
      setting: settings.get(`${type} ${phase}`),
      healthPath: app.healthPath,
      declared: declared?.[phase] ?? [],
    });
  return { startup: of('startup'), liveness: of('liveness') };
}

/** The checks of every process type of the current release. */
export function listChecks(db: Database, app: App): PhaseOfType[] {
  const releaseVersion = currentRelease(db, app.id)?.version;
  return getFormation(db, app.id).flatMap(({ type }) => {
    const { startup, liveness } = checksOf(db, { app, type, releaseVersion });
    return [startup, liveness];
  });
}

/**
 * Sets the check of a process type, in one phase or in both. Settings that do not say what to ask change the check that is
 * there. Throws `invalid_params` with the field and its rule, and where there is no such check, or are several.
 */
export function setChecks(
  db: Database,
  options: { app: App; type: string; phases?: readonly CheckPhase[] | undefined; settings: CheckSettings },
): PhaseOfType[] {
  const { app, type, settings } = options;
  requireProcessType(db, app, type);
  return db.write((announce) => {
    const present = checksOf(db, { app, type, releaseVersion: currentRelease(db, app.id)?.version });
    for (const phase of phasesToSet(options, present)) {
      const check = applySettings(present[phase].checks[0] ?? DEFAULT_CHECK, settings);
      if (phase === 'liveness' && check.probe.kind === 'uptime') {
        throw new PaasError('invalid_params', 'A check of kind uptime is for the phase startup only.');
      }
      db.sql
        .prepare(
          `insert into checks (app_id, process_type, phase, settings, updated_at) values (?, ?, ?, ?, ?)
           on conflict (app_id, process_type, phase) do update set settings = excluded.settings, updated_at = excluded.updated_at`,
        )
        .run(app.id, type, phase, JSON.stringify(check), db.now());
    }
    announce({ kind: 'checks-changed', appId: app.id });
    return listChecks(db, app).filter((entry) => entry.type === type);
  });
}

function phasesToSet(
  { app, type, phases, settings }: Parameters<typeof setChecks>[1],
  present: Readonly<Record<CheckPhase, PhaseOfType>>,
): readonly CheckPhase[] {
  const asked = phases ?? CHECK_PHASES;
  if (saysWhatToAsk(settings)) return asked;
  for (const phase of asked) {
    const { length } = present[phase].checks;
    if (length <= 1) continue;
    throw new PaasError(
      'invalid_params',
      `app.json declares ${length} ${phase} checks of ${type}, and a setting would replace them all by one.`,
      { hint: `Change them in app.json, or say what that one is to ask, such as: ${exampleOf(app, type)}` },
    );
  }
  if (settings.port !== undefined) return asked;
  const found = asked.filter((phase) => present[phase].checks.length > 0);
  if (found.length > 0) return found;
  const [only] = phases ?? [];
  const what = only === undefined || asked.length > 1 ? 'no check' : `no ${only} check`;
  throw new PaasError('invalid_params', `${type} has ${what} whose times could change: say what to ask.`, {
    hint: `With --http PATH, --listening, --port N or --command CMD, such as: ${exampleOf(app, type)}`,
  });
}

function exampleOf(app: App, type: string): string {
  const asks = type === 'web' ? '--http /health' : '--command "test -f tmp/alive"';
  return `paas checks:set ${type} ${asks} -a ${app.name}`;
}

/** Goes back to what app.json says, or to the default. Fine when nothing was set. */
export function unsetChecks(
  db: Database,
  options: { app: App; type: string; phases?: readonly CheckPhase[] | undefined },
): PhaseOfType[] {
  const { app, type } = options;
  // What was set for a type that is no more can be taken away.
  if (!hasSetting(db, { app, type })) requireProcessType(db, app, type);
  return db.write((announce) => {
    for (const phase of options.phases ?? CHECK_PHASES) {
      db.sql
        .prepare('delete from checks where app_id = ? and process_type = ? and phase = ?')
        .run(app.id, type, phase);
    }
    announce({ kind: 'checks-changed', appId: app.id });
    return listChecks(db, app).filter((entry) => entry.type === type);
  });
}

/** Keeps what the app.json of a build declared, for all releases of it. */
export function keepDeclaredChecks(
  db: Database,
  options: { appId: AppId; buildId: BuildId; checks: Readonly<Record<string, PhaseChecks>> },
): void {
  if (Object.keys(options.checks).length === 0) return;
  db.write(() =>
    db.sql
      .prepare('insert or replace into build_checks (build_id, app_id, checks) values (?, ?, ?)')
      .run(options.buildId, options.appId, JSON.stringify(options.checks)),
  );
}

function declaredChecks(
  db: Database,
  appId: AppId,
  version: number | undefined,
): Readonly<Record<string, PhaseChecks>> {
  const text = db.sql
    .prepare(
      `select checks from build_checks
       where app_id = @appId and build_id = (select build_id from releases where app_id = @appId and version = @version)`,
    )
    .pluck()
    .get({ appId, version: version ?? null }) as string | undefined;
  return text === undefined ? {} : (JSON.parse(text) as Record<string, PhaseChecks>);
}

function readSettings(db: Database, appId: AppId): Map<string, Check> {
  const rows = db.sql
    .prepare('select process_type as type, phase, settings from checks where app_id = ?')
    .all(appId) as { type: string; phase: string; settings: string }[];
  return new Map(rows.map((row) => [`${row.type} ${row.phase}`, JSON.parse(row.settings) as Check]));
}

function hasSetting(db: Database, { app, type }: { app: App; type: string }): boolean {
  const settings = readSettings(db, app.id);
  return CHECK_PHASES.some((phase) => settings.has(`${type} ${phase}`));
}
