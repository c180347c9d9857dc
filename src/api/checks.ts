// The checks of process types: what is asked of dynos before they are up, and while they are.

import type { Database } from '../db/database.js';
import { findAppFor } from '../platform/apps.js';
import { type Check, type CheckPhase, startupTimes } from '../platform/check.js';
import { listChecks, type PhaseOfType, setChecks, unsetChecks } from '../platform/checks.js';
import * as schema from '../schemas/check.js';
import { FormationParams } from '../schemas/formation.js';
import { AppParams } from '../schemas/parts.js';
import type { ActionLog } from './action-log.js';
import { type ApiServer, listOf } from './api-server.js';
import { accountOf } from './auth.js';
import type { DynoDefaults } from './dyno-settings.js';
import type { DynoList } from './dynos.js';
import { presentEvidence } from './present.js';

/** Adds `/apps/:app/checks`. */
export function addCheckRoutes(
  server: ApiServer,
  deps: {
    db: Database;
    dynos: Pick<DynoList, 'runChecks'>;
    logAction: ActionLog;
    defaults: Pick<DynoDefaults, 'bootTimeoutMs'>;
  },
): void {
  const { db, logAction } = deps;
  const present = (entry: PhaseOfType) => presentPhase(entry, deps.defaults);

  server.get(
    '/apps/:app/checks',
    { schema: { params: AppParams, response: listOf(schema.Check) } },
    async (request) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      return listChecks(db, app).flatMap(present);
    },
  );

  server.post(
    '/apps/:app/checks/actions/run',
    { schema: { params: AppParams, body: schema.RunCheck, response: listOf(schema.CheckRun) } },
    async (request) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      const runs = await deps.dynos.runChecks(app, request.body.subject, request.signal);
      return runs.map(({ passed = null, said = null, evidence, ...run }) => ({
        ...run,
        passed,
        said,
        // It holds no secret any more.
        evidence: presentEvidence(evidence, (text) => text),
      }));
    },
  );

  server.patch(
    '/apps/:app/checks/:type',
    { schema: { params: FormationParams, body: schema.ChangeCheck, response: listOf(schema.Check) } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const { type } = request.params;
      const { phase, initial_delay: initialDelay, warn: onlyWarns, ...settings } = request.body;
      const checks = setChecks(db, {
        app,
        type,
        phases: phasesOf(phase),
        settings: { ...settings, initialDelay, onlyWarns },
      });
      const text = checks.filter((entry) => phase === undefined || entry.phase === phase).map(describe);
      logAction(app.id, by, [`Set ${text.join(', ')}`]);
      return checks.flatMap(present);
    },
  );

  server.delete(
    '/apps/:app/checks/:type',
    { schema: { params: FormationParams, querystring: schema.UnsetCheck, response: listOf(schema.Check) } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const { type } = request.params;
      const { phase } = request.query;
      const checks = unsetChecks(db, { app, type, phases: phasesOf(phase) });
      logAction(app.id, by, [`Unset ${phase === undefined ? 'checks' : `${phase} check`} of ${type}`]);
      return checks.flatMap(present);
    },
  );
}

function phasesOf(phase: CheckPhase | undefined): CheckPhase[] | undefined {
  return phase === undefined ? undefined : [phase];
}

function describe({ type, phase, checks }: PhaseOfType): string {
  const [check] = checks;
  return `${phase} check of ${type} to ${check === undefined ? 'off' : check.probe.kind}`;
}

/** With the times that really hold. */
function presentPhase(
  { type, phase, source, checks }: PhaseOfType,
  { bootTimeoutMs }: Pick<DynoDefaults, 'bootTimeoutMs'>,
): schema.Check[] {
  const held = checks.map((check) =>
    phase === 'startup' ? { ...check, ...startupTimes(check, bootTimeoutMs) } : check,
  );
  return (held.length === 0 ? [undefined] : held).map((check) => ({
    process_type: type,
    phase,
    source,
    ...presentCheck(check),
  }));
}

function presentCheck(check: Check | undefined): Omit<schema.Check, 'process_type' | 'phase' | 'source'> {
  const probe = check?.probe ?? { kind: 'off' as const };
  const http = probe.kind === 'http' ? probe : undefined;
  const hasPort = probe.kind === 'port' || probe.kind === 'http';
  return {
    kind: probe.kind,
    name: check?.name ?? null,
    path: http?.path ?? null,
    status: http === undefined ? null : `${http.minStatus}-${http.maxStatus}`,
    headers: http === undefined ? null : [...http.headers],
    content: http?.content ?? null,
    port: hasPort ? (probe.port ?? null) : null,
    command: probe.kind === 'command' ? copy(probe.command) : null,
    uptime: probe.kind === 'uptime' ? probe.seconds : null,
    interval: seconds(check?.intervalMs),
    timeout: seconds(check?.timeoutMs),
    attempts: check?.attempts ?? null,
    initial_delay: seconds(check?.initialDelayMs),
    warn: check?.onlyWarns ?? false,
  };
}

function copy(command: string | readonly string[]): string | string[] {
  return typeof command === 'string' ? command : [...command];
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000;
}
