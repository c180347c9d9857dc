// Why something is as it is: from facts to one sentence, its evidence and the next step. Pure.
// docs/decisions/0062-why.md

import type { Build } from '../platform/builds.js';
import type { Evidence, Incident } from '../platform/incidents.js';
import type { Release } from '../platform/releases.js';
import { describeDelay } from './crash-backoff.js';
import type { Dyno } from './dyno.js';
import { meaningOf } from './exit-status.js';
import type { HealthNote } from './health-notes.js';

export interface Explanation {
  /** `web.1`, `v12`, or the app's name. */
  readonly subject: string;
  readonly kind: 'app' | 'release' | 'dyno';
  readonly state: string;
  /** One sentence, without its full stop. */
  readonly cause: string;
  readonly evidence: Evidence;
  /** Epoch ms. */
  readonly since: number | undefined;
  readonly nextTryAt: number | undefined;
  /** What to do, as a sentence or a command. Undefined when there is nothing to do. */
  readonly nextStep: string | undefined;
  readonly lastIncident: Incident | undefined;
}

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

type Told = Pick<Explanation, 'state' | 'cause' | 'evidence' | 'nextStep'>;

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

export interface ReleaseFacts {
  readonly app: { readonly name: string };
  readonly release: Release;
  /** The release that runs. */
  readonly current: Release | undefined;
  /** Newest incident of this release, whatever it was. */
  readonly incident: Incident | undefined;
  /** The incident that says it was rolled back. */
  readonly rolledBack: Incident | undefined;
  /** Version of a release whose release phase comes before. */
  readonly waitsFor: number | undefined;
  /** Dynos wanted, and how many of them are up with this release. */
  readonly dynos: { readonly wanted: number; readonly up: number };
  /** Explanations of its dynos that are not well. */
  readonly unwell: readonly Explanation[];
}

/** Explains a release. */
export function explainRelease(facts: ReleaseFacts): Explanation {
  const { release, app } = facts;
  const base = {
    subject: `v${release.version}`,
    kind: 'release' as const,
    since: release.updatedAt,
    nextTryAt: undefined,
    lastIncident: facts.incident,
    evidence: { description: release.description },
  };
  switch (release.status) {
    case 'pending':
      return {
        ...base,
        state: 'pending',
        cause:
          facts.waitsFor === undefined
            ? `Its release command runs: ${release.processTypes['release'] ?? ''}`
            : `It waits for the release command of v${facts.waitsFor}`,
        nextStep: `Follow it with: paas releases:output v${release.version} -a ${app.name}`,
      };
    case 'failed':
      return {
        ...base,
        state: 'failed',
        cause: `Its release command failed, so it never ran${currentText(facts)}`,
        evidence: { ...base.evidence, ...facts.incident?.evidence },
        nextStep: `See its output: paas releases:output v${release.version} -a ${app.name}`,
      };
    case 'expired':
      return {
        ...base,
        state: 'expired',
        cause: 'Its image is not kept any more, so nothing can go back to it',
        nextStep: undefined,
      };
    default:
      return { ...base, ...explainSucceeded(facts) };
  }
}

function currentText({ current }: ReleaseFacts): string {
  return current === undefined ? '' : `; v${current.version} goes on`;
}

function explainSucceeded(
  facts: ReleaseFacts,
): Pick<Explanation, 'state' | 'cause' | 'evidence' | 'nextStep'> {
  const { release, current, dynos, app, rolledBack } = facts;
  const evidence = { description: release.description };
  if (rolledBack !== undefined) {
    return {
      state: 'rolled back',
      cause: rolledBack.message.replace(/\.$/, ''),
      evidence: { ...evidence, ...rolledBack.evidence },
      nextStep: 'Mend what it says and deploy again.',
    };
  }
  if (release.version !== current?.version) {
    return {
      state: 'superseded',
      cause:
        current === undefined
          ? 'It does not run'
          : `v${current.version} took its place (${current.description})`,
      evidence,
      nextStep: `Go back to it with: paas rollback v${release.version} -a ${app.name}`,
    };
  }
  if (release.image === undefined) {
    return {
      state: 'current',
      cause: 'It has no code yet',
      evidence,
      nextStep: 'Deploy with: git push paas main',
    };
  }
  const [first] = facts.unwell;
  if (first === undefined) {
    const cause =
      dynos.wanted === 0
        ? 'It is current, and scaled to zero'
        : `It runs: ${dynos.up} of ${dynos.wanted} dynos are up`;
    const nextStep = dynos.wanted === 0 ? `Start it with: paas ps:scale web=1 -a ${app.name}` : undefined;
    return { state: 'current', cause, evidence: { ...evidence, ...dynos }, nextStep };
  }
  return {
    state: dynos.up === 0 ? 'current, not up' : 'current, partly up',
    cause: `${dynos.up} of ${dynos.wanted} dynos are up; ${first.subject} is ${first.state}: ${first.cause}`,
    evidence: { ...evidence, ...dynos, ...first.evidence },
    nextStep: first.nextStep,
  };
}

export interface AppFacts {
  readonly app: { readonly name: string; readonly maintenance: boolean };
  readonly release: Explanation | undefined;
  readonly dynos: readonly Explanation[];
  /** The newest build. */
  readonly build: Pick<Build, 'id' | 'status' | 'error' | 'createdAt' | 'finishedAt'> | undefined;
  /** When the current release was made, epoch ms. */
  readonly releasedAt: number | undefined;
  readonly incident: Incident | undefined;
}

/** Explains an app as a whole. */
export function explainApp(facts: AppFacts): Explanation {
  const { app, dynos, build } = facts;
  const unwell = dynos.filter(isUnwell);
  const base = {
    subject: app.name,
    kind: 'app' as const,
    nextTryAt: undefined,
    lastIncident: facts.incident,
    evidence: {} as Evidence,
    since: facts.release?.since,
  };
  const failed = build?.status === 'failed' && build.createdAt > (facts.releasedAt ?? 0) ? build : undefined;
  const alsoFailed =
    failed === undefined ? '' : `; its newest build failed: ${failed.error ?? 'see its output'}`;
  const state = stateOfApp(facts, unwell);
  if (state === 'up' && failed !== undefined) {
    return {
      ...base,
      state: 'up, newest build failed',
      cause: `The newest build failed: ${failed.error ?? 'see its output'}`,
      evidence: { build: failed.id },
      since: failed.finishedAt,
      nextStep: `See its output: paas builds:output ${failed.id} -a ${app.name}`,
    };
  }
  const [first] = unwell;
  if (first !== undefined) {
    const cause = `${unwell.length} of ${dynos.length} dynos are not well; ${first.subject} is ${first.state}: ${first.cause}${alsoFailed}`;
    return { ...base, state, cause, evidence: first.evidence, since: first.since, nextStep: first.nextStep };
  }
  const cause = app.maintenance
    ? 'Maintenance mode answers every visitor'
    : (facts.release?.cause ?? 'It has no code yet');
  return {
    ...base,
    state,
    cause: `${cause}${alsoFailed}`,
    nextStep: app.maintenance ? `End it with: paas maintenance:off -a ${app.name}` : facts.release?.nextStep,
  };
}

function stateOfApp({ app, dynos }: AppFacts, unwell: readonly Explanation[]): string {
  if (app.maintenance) return 'maintenance';
  if (dynos.length === 0) return 'not running';
  if (dynos.every((dyno) => dyno.state === 'asleep')) return 'asleep';
  if (unwell.length === 0) return 'up';
  return unwell.length === dynos.length ? 'not up' : 'partly up';
}

/** Whether there is something to explain about a dyno. */
export function isUnwell({ state }: Explanation): boolean {
  return state !== 'up' && state !== 'asleep';
}
