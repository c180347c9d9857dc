// Why a dyno is as it is, and what to do about it. Pure.

import type { Incident } from '../platform/incidents.js';
import { describeDelay } from './crash-backoff.js';
import type { Dyno } from './dyno.js';
import { meaningOf } from './exit-status.js';
import type { Explanation, Told } from './explanation.js';
import type { HealthNote } from './health-notes.js';

export interface DynoFacts {
  readonly app: { readonly name: string; readonly maintenance: boolean };
  readonly name: string;
  readonly type: string;
  /** As `ps` lists it; undefined: it is not wanted. */
  readonly dyno: Dyno | undefined;
  /** Of its process type; undefined: the release has no such type. */
  readonly quantity: number | undefined;
  readonly hasCode: boolean;
  /** What its checks saw last. */
  readonly note: HealthNote | undefined;
  /** The startup check that it has to pass, in words; undefined: it only has to run. */
  readonly startupCheck: string | undefined;
  /** Newest incident of this dyno. */
  readonly incident: Incident | undefined;
  /** Crashes in a row under its release. */
  readonly crashes: number;
  readonly nowMs: number;
}

/** Explains a dyno of the formation. */
export function explainDyno(facts: DynoFacts): Explanation {
  const { dyno, name, incident } = facts;
  const base = {
    subject: name,
    kind: 'dyno' as const,
    since: dyno?.updatedAt,
    nextTryAt: dyno?.nextTryAt,
    lastIncident: incident,
  };
  if (dyno === undefined) return { ...base, ...explainUnwanted(facts) };
  switch (dyno.state) {
    case 'up':
      return { ...base, ...explainUp(facts, dyno) };
    case 'starting':
      return { ...base, ...explainStarting(facts, dyno) };
    case 'crashed':
      return { ...base, ...explainCrashed(facts, dyno) };
    case 'idle':
      return {
        ...base,
        state: 'asleep',
        cause: 'Nobody asked for the app, so its web dynos sleep; the next request starts them',
        evidence: {},
        nextStep: `To keep it awake: paas ps:autosleep web --off -a ${facts.app.name}`,
      };
    default:
      return {
        ...base,
        state: 'down',
        cause: 'A user stopped it with ps:stop',
        evidence: {},
        nextStep: `Start it with: paas ps:restart ${name} -a ${facts.app.name}`,
      };
  }
}

function explainUnwanted({ app, type, quantity, hasCode, name }: DynoFacts): Told {
  if (!hasCode) {
    return {
      state: 'none',
      cause: `${app.name} has no code yet`,
      evidence: {},
      nextStep: 'Deploy with: git push paas main',
    };
  }
  if (quantity === undefined) {
    return {
      state: 'none',
      cause: `The current release has no process type ${type}`,
      evidence: {},
      nextStep: 'Declare it in the Procfile and deploy.',
    };
  }
  const wanted = Number(name.split('.')[1]);
  return {
    state: 'scaled down',
    cause: quantity === 0 ? `${type} is scaled to zero` : `${type} is scaled to ${quantity}`,
    evidence: { quantity },
    nextStep: `Start it with: paas ps:scale ${type}=${Number.isInteger(wanted) ? wanted : 1} -a ${app.name}`,
  };
}

function explainUp({ note, incident, app, name }: DynoFacts, dyno: Dyno): Told {
  if (note?.failures !== undefined) {
    const { count, of } = note.failures;
    return {
      state: 'up, failing its check',
      cause: `It runs v${dyno.releaseVersion}, but ${note.check}: it ${note.said} (${count} of ${of} failures in a row)`,
      evidence: note.evidence,
      nextStep: `See what it says: paas logs --dyno ${name} -a ${app.name}`,
    };
  }
  const before = incident === undefined ? '' : '; it was replaced before';
  const served =
    app.maintenance && dyno.type === 'web' ? ', but maintenance mode keeps requests from it' : '';
  return {
    state: 'up',
    cause: `It runs v${dyno.releaseVersion} and is well${served}${before}`,
    evidence: {},
    nextStep: served === '' ? undefined : `paas maintenance:off -a ${app.name}`,
  };
}

function explainStarting(facts: DynoFacts, dyno: Dyno): Told {
  const { note, startupCheck } = facts;
  if (dyno.containerId === undefined) {
    return {
      state: 'starting',
      cause: `Its container for v${dyno.releaseVersion} is about to be made`,
      evidence: {},
      nextStep: undefined,
    };
  }
  const waits =
    startupCheck === undefined ? 'Its process begins' : `It waits for its startup check: ${startupCheck}`;
  return {
    state: 'starting',
    cause: note === undefined ? waits : `${waits}; so far it ${note.said}`,
    evidence: note?.evidence ?? {},
    nextStep: undefined,
  };
}

function explainCrashed({ incident, app, name, type, crashes, nowMs }: DynoFacts, dyno: Dyno): Told {
  const times = crashes > 1 ? `, ${crashes} times in a row` : '';
  if (incident === undefined) {
    return {
      state: 'crashed',
      cause: `It ended by itself${times}`,
      evidence: {},
      nextStep: `See what it said: paas logs --dyno ${name} -a ${app.name}`,
    };
  }
  const exit = incident.evidence['exit_code'];
  const waitMs = (dyno.nextTryAt ?? nowMs) - nowMs;
  return {
    state: 'crashed',
    cause: `${causeOf(incident)}${times}${waitMs > 0 ? `; it is tried again in ${describeDelay(waitMs)}` : ''}`,
    evidence: {
      ...incident.evidence,
      ...(typeof exit === 'number' && { exit_code: exit, meaning: meaningOf(exit) }),
    },
    nextStep: stepAfter(incident, { app: app.name, name, type, command: dyno.command }),
  };
}

function causeOf(incident: Incident): string {
  const exit = incident.evidence['exit_code'];
  if (incident.kind === 'crashed' && typeof exit === 'number')
    return `Its process exited with ${exit}: ${meaningOf(exit)}`;
  return incident.message.replace(/\.$/, '');
}

function stepAfter(
  { kind, evidence }: Incident,
  dyno: { app: string; name: string; type: string; command: string },
): string {
  const { app, name, type } = dyno;
  switch (kind) {
    case 'boot-timeout':
      return evidence['check'] === 'port' || evidence['status'] === undefined
        ? 'Make it listen on 0.0.0.0 and the port in $PORT, or give it another check: paas help checks:set'
        : `Make its check pass, or change it: paas checks -a ${app}`;
    case 'check-failed':
      return `See what it said before: paas logs --dyno ${name} -a ${app}`;
    case 'out-of-memory':
      return `Give it more memory, such as: paas ps:type ${type}=1g -a ${app}`;
    case 'disk-exceeded':
      return 'Keep large files out of the dyno: its disk is limited and does not outlive it.';
    case 'image-missing':
      return `Deploy again, or go back: paas rollback -a ${app}`;
    case 'could-not-start':
      return `Try again with: paas ps:restart ${name} -a ${app}`;
    default:
      if (evidence['exit_code'] === 127)
        return `Mend the command of ${type} in the Procfile: ${dyno.command}`;
      if (evidence['exit_code'] === 0)
        return `A dyno must keep running: the command of ${type} ends by itself.`;
      return `Read its last lines, mend it and deploy, or go back: paas rollback -a ${app}`;
  }
}
