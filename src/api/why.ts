// Why a dyno, a release or an app is as it is: cause, evidence, next step.

import type { Database } from '../db/database.js';
import type { Explanation } from '../dynos/explanation.js';
import type { Why } from '../dynos/why.js';
import { PaasError } from '../errors.js';
import type { LogClient } from '../logs/client.js';
import { formatLine } from '../logs/line.js';
import { type App, findAppFor } from '../platform/apps.js';
import { type Incident, listIncidents } from '../platform/incidents.js';
import { type Config, redaction } from '../platform/redact.js';
import { findRelease, getLatestConfig, getReleaseConfig, listReleases } from '../platform/releases.js';
import { AppParams } from '../schemas/parts.js';
import * as schema from '../schemas/why.js';
import type { ApiServer } from './api-server.js';
import { accountOf } from './auth.js';
import type { DynoList } from './dynos.js';
import { isoTime, presentEvidence } from './present.js';
import { warnOfSilence } from './silent-engine.js';

const SHOWN_LINES = 50;
const SHOWN_INCIDENTS = 10;
const REDACTED_RELEASES = 10;

/** Adds `GET /apps/:app/why`. */
export function addWhyRoutes(
  server: ApiServer,
  deps: {
    db: Database;
    why: Why;
    dynos: Pick<DynoList, 'silentSince'>;
    logs: Pick<LogClient, 'read'>;
  },
): void {
  const { db, why, dynos } = deps;

  server.get(
    '/apps/:app/why',
    { schema: { params: AppParams, querystring: schema.WhyQuery, response: { 200: schema.Why } } },
    async (request, reply) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      const { dyno, release } = request.query;
      if (dyno !== undefined && release !== undefined) {
        throw new PaasError('bad_request', 'Ask for a dyno or for a release, not for both.');
      }
      const present = presenter(redaction(...configsOf(db, app)));
      if (dyno !== undefined) {
        const explanation = await why
          .dyno(app, dyno)
          .finally(() => warnOfSilence(reply, dynos.silentSince()));
        // Without them rather than not at all: what is asked for may be why nothing works.
        const lines = await deps.logs
          .read({ appId: app.id, process: dyno, lines: SHOWN_LINES })
          .catch((error: unknown) => {
            request.log.warn({ err: error }, 'the log lines of a dyno were not read');
            return [];
          });
        const incidents = listIncidents(db, app.id, { dyno, limit: SHOWN_INCIDENTS });
        return present([explanation], incidents, lines.map(formatLine));
      }
      warnOfSilence(reply, dynos.silentSince());
      if (release !== undefined) {
        const explanation = why.release(app, release);
        const { version, output = '' } = findRelease(db, app, release);
        const incidents = listIncidents(db, app.id, { releaseVersion: version, limit: SHOWN_INCIDENTS });
        const lines = output.split('\n').filter(Boolean).slice(-SHOWN_LINES);
        return present([explanation], incidents, lines);
      }
      const incidents = listIncidents(db, app.id, { limit: SHOWN_INCIDENTS });
      return present(why.app(app), incidents, []);
    },
  );
}

/** The config vars of the releases that incidents and lines may be of. */
function configsOf(db: Database, app: App): Config[] {
  const releases = listReleases(db, app.id, { limit: REDACTED_RELEASES });
  return [getLatestConfig(db, app.id), ...releases.map(({ id }) => getReleaseConfig(db, id))];
}

type Redact = (text: string) => string;

/** Presents without secrets: causes, messages, evidence and lines may quote what the app said. */
function presenter(redact: Redact) {
  return (
    explanations: readonly Explanation[],
    incidents: readonly Incident[],
    lines: readonly string[],
  ): schema.Why => ({
    explanations: explanations.map((explanation) => presentExplanation(explanation, redact)),
    incidents: incidents.map((incident) => presentIncident(incident, redact)),
    log_lines: lines.map(redact),
  });
}

function presentExplanation(explanation: Explanation, redact: Redact): schema.Explanation {
  const { subject, kind, state, cause, lastIncident } = explanation;
  return {
    subject,
    kind,
    state,
    cause: redact(cause),
    evidence: presentEvidence(explanation.evidence, redact),
    since: time(explanation.since),
    next_try_at: time(explanation.nextTryAt),
    next_step: explanation.nextStep ?? null,
    last_incident: lastIncident === undefined ? null : presentIncident(lastIncident, redact),
  };
}

function presentIncident(incident: Incident, redact: Redact): schema.Incident {
  return {
    kind: incident.kind,
    dyno: incident.dyno ?? null,
    release: incident.releaseVersion ?? null,
    message: redact(incident.message),
    evidence: presentEvidence(incident.evidence, redact),
    created_at: isoTime(incident.at),
  };
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : isoTime(ms);
}
