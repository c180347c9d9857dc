// Why a release runs or does not, and what to do about it. Pure.

import type { Incident } from '../platform/incidents.js';
import type { Release } from '../platform/releases.js';
import type { Explanation, Told } from './explanation.js';

export interface ReleaseFacts {
  readonly app: { readonly name: string };
  readonly release: Release;
  /** The release that runs. */
  readonly current: Release | undefined;
  /** Newest incident of this release, whatever it was. */
  readonly incident: Incident | undefined;
  /** The incident that says it was rolled back. */
  readonly rolledBack: Incident | undefined;
  /** Version of the release that this one undid by itself. */
  readonly undoes: number | undefined;
  /** Version of a release whose release phase comes before. */
  readonly waitsFor: number | undefined;
  /** Dynos wanted; how many of them are up with this release, how many asleep. */
  readonly dynos: { readonly wanted: number; readonly up: number; readonly asleep: number };
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

function explainSucceeded(facts: ReleaseFacts): Told {
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
  if (first === undefined) return { evidence: { ...evidence, ...dynos }, ...explainWell(facts) };
  return {
    state: dynos.up === 0 ? 'current, not up' : 'current, partly up',
    cause: `${dynos.up} of ${dynos.wanted} dynos are up; ${first.subject} is ${first.state}: ${first.cause}`,
    evidence: { ...evidence, ...dynos, ...first.evidence },
    nextStep: first.nextStep,
  };
}

/** A current release none of whose dynos is unwell. */
function explainWell({ dynos, app, undoes }: ReleaseFacts): Omit<Told, 'evidence'> {
  const { wanted, up, asleep } = dynos;
  if (wanted === 0) {
    const nextStep = `Start it with: paas ps:scale web=1 -a ${app.name}`;
    return { state: 'current', cause: 'It is current, and scaled to zero', nextStep };
  }
  const rest = wanted - up - asleep;
  if (rest > 0) {
    const others = rest === 1 ? 'the other still runs' : 'the others still run';
    return {
      state: 'current, going live',
      cause: `It goes live: ${up} of ${wanted} dynos run it, ${others} an older release`,
      nextStep: `Wait for it with: paas ps:wait -a ${app.name}`,
    };
  }
  if (up === 0)
    return { state: 'current', cause: 'It is asleep; the next request starts it', nextStep: undefined };
  const sleeping = asleep === 0 ? '' : `, the other${asleep === 1 ? ' is' : 's are'} asleep`;
  const cause = `It runs: ${up} of ${wanted} dynos are up${sleeping}`;
  if (undoes === undefined) return { state: 'current', cause, nextStep: undefined };
  return {
    state: 'current',
    cause: `${cause}; it took the place of v${undoes}, which was rolled back automatically`,
    nextStep: `See what was wrong with it: paas why v${undoes} -a ${app.name}`,
  };
}
