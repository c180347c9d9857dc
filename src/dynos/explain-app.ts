// How an app is as a whole: its dynos that are not well, its newest build, its release. Pure.

import type { Build } from '../platform/builds.js';
import type { Evidence, Incident } from '../platform/incidents.js';
import { type Explanation, isUnwell } from './explanation.js';

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
