// An app's checks, each tried once now, for somebody who sets them up: `paas checks:run`. Nothing is counted or stopped.

import type { Database } from '../db/database.js';
import type { Engine } from '../engine/engine.js';
import { PaasError, quoteValue } from '../errors.js';
import type { AppId } from '../ids.js';
import type { App } from '../platform/apps.js';
import { type Check, type CheckPhase, describeProbe } from '../platform/check.js';
import { checksOf } from '../platform/checks.js';
import { requireProcessType } from '../platform/formation.js';
import type { Evidence } from '../platform/incidents.js';
import { configOfVersion } from '../platform/releases.js';
import { checkTarget, redactEvidence, withListening } from './check-target.js';
import { type DynoContainer, dynoName } from './dyno.js';
import { type ProbeResult, probe } from './probe.js';
import { WEB_PORT } from './routing.js';
import { createSemaphore } from './semaphore.js';

/** What one check of one dyno came to. */
export interface CheckRun {
  /** `web.1` */
  readonly dyno: string;
  readonly phase: CheckPhase;
  /** `GET /health on port 5000` */
  readonly check: string;
  /** Undefined: the dyno ended meanwhile. */
  readonly passed: boolean | undefined;
  /** Of a check that failed; goes after "it". */
  readonly said: string | undefined;
  /** Without the values of config vars. */
  readonly evidence: Evidence;
}

/** `subject`: a dyno (`web.1`) or a process type; undefined: the whole app. Throws `not_found` when none of it runs. */
export type RunChecks = (app: App, subject: string | undefined, signal: AbortSignal) => Promise<CheckRun[]>;

const MAX_AT_ONCE = 10;

export function createRunChecks(deps: {
  readonly db: Database;
  readonly engine: Pick<Engine, 'inspectContainer' | 'inspectImage' | 'runInContainer'>;
  readonly containersOf: (appId: AppId) => readonly DynoContainer[];
}): RunChecks {
  const turns = createSemaphore(MAX_AT_ONCE);

  async function runOne(
    dyno: DynoContainer,
    { phase, check }: { phase: CheckPhase; check: Check },
    signal: AbortSignal,
  ): Promise<CheckRun> {
    const told = { dyno: dynoName(dyno), phase, check: describeProbe(check.probe, WEB_PORT) };
    const target = await checkTarget({ engine: deps.engine, now: deps.db.now }, dyno.containerId);
    const result: ProbeResult =
      target === undefined
        ? { passed: undefined }
        : await probe(target, check, { engine: deps.engine, signal });
    if (target === undefined || result.passed !== false) {
      return { ...told, passed: result.passed, said: undefined, evidence: {} };
    }
    const config = configOfVersion(deps.db, dyno.appId, dyno.releaseVersion);
    const evidence = redactEvidence(await withListening(target, result.evidence), config);
    return { ...told, passed: false, said: result.said, evidence };
  }

  return async (app, subject, signal) => {
    const dynos = deps
      .containersOf(app.id)
      .filter((dyno) => dyno.isRunning)
      .filter((dyno) => subject === undefined || subject === dyno.type || subject === dynoName(dyno))
      .sort((a, b) => a.type.localeCompare(b.type) || a.number - b.number);
    if (dynos.length === 0) {
      if (subject !== undefined && !subject.includes('.')) requireProcessType(deps.db, app, subject);
      throw nothingRuns(app, subject);
    }
    const runs = dynos.flatMap((dyno) => {
      const { startup, liveness } = checksOf(deps.db, { ...dyno, app });
      return [startup, liveness].flatMap(({ phase, checks }) =>
        checks.map((check) => turns.run(() => runOne(dyno, { phase, check }, signal))),
      );
    });
    return await Promise.all(runs);
  };
}

function nothingRuns(app: App, subject: string | undefined): PaasError {
  const what = subject === undefined ? 'No dyno' : `No dyno of ${quoteValue(subject)}`;
  return new PaasError('not_found', `${what} of ${app.name} runs.`, {
    hint: `See its dynos with: paas ps -a ${app.name}`,
  });
}
