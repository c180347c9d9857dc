// What `paas why` says of an app, a release or a dyno: from facts to one sentence, its evidence and the next step.
// Each has a pure file that explains it: explain-dyno.ts, explain-release.ts, explain-app.ts. docs/decisions/0062-why.md

import type { Evidence, Incident } from '../platform/incidents.js';

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

/** The part of an explanation that its subject's state decides. */
export type Told = Pick<Explanation, 'state' | 'cause' | 'evidence' | 'nextStep'>;

/** Whether there is something to explain about a dyno. */
export function isUnwell({ state }: Explanation): boolean {
  return state !== 'up' && state !== 'asleep';
}
