// Why a one-off dyno (`paas run`) is as it is: from its container while it has one, then from what the platform said of it
// in the app's log, which is all that is kept of it. Pure.

import type { LogLine } from '../logs/line.js';
import { describeDelay } from './crash-backoff.js';
import type { Dyno } from './dyno.js';
import { meaningOf } from './exit-status.js';
import type { Explanation, Told } from './explanation.js';

/** What the platform said of the newest run of this name; undefined: no such line is kept. */
export interface ToldRun {
  readonly command?: string | undefined;
  /** Epoch ms. */
  readonly startedAt?: number | undefined;
  readonly endedAt?: number | undefined;
  readonly exitCode?: number | undefined;
  /** The sentence of R14 or R15. */
  readonly memory?: string | undefined;
}

export interface OneOffFacts {
  readonly app: { readonly name: string };
  readonly name: string;
  /** As `ps` lists it; undefined: it has no container any more. */
  readonly dyno: Dyno | undefined;
  readonly told: ToldRun;
  /** Whether the log has lines of the process itself. */
  readonly hasOutput: boolean;
}

const STARTED = /^Starting process with command `(.*?)`?$/;
const EXITED = /^Process exited with status (\d+)$/;
const MEMORY = /^Error R1[45] /;

/** Reads the platform's own lines of one process, oldest first. A name may come again: only its last run counts. */
export function readToldRun(lines: readonly LogLine[]): ToldRun | undefined {
  const first = lines.findLastIndex(({ text }) => STARTED.test(text));
  const ofRun = lines.slice(Math.max(0, first));
  if (ofRun.length === 0) return undefined;
  const start = first === -1 ? undefined : ofRun[0];
  const exit = ofRun.find(({ text }) => EXITED.test(text));
  const status = EXITED.exec(exit?.text ?? '')?.[1];
  return {
    command: STARTED.exec(start?.text ?? '')?.[1],
    startedAt: start && msOf(start),
    endedAt: exit && msOf(exit),
    exitCode: status === undefined ? undefined : Number(status),
    memory: ofRun.findLast(({ text }) => MEMORY.test(text))?.text,
  };
}

function msOf({ timestampUs }: LogLine): number {
  return Math.floor(timestampUs / 1000);
}

/** Explains a one-off dyno of which something is known. */
export function explainOneOff(facts: OneOffFacts): Explanation {
  const { name, dyno, told } = facts;
  const base = { subject: name, kind: 'dyno' as const, nextTryAt: undefined, lastIncident: undefined };
  const evidence = {
    ...commandOf(facts),
    ...(dyno !== undefined && { release: `v${dyno.releaseVersion}`, size: dyno.size }),
  };
  if (dyno !== undefined && dyno.state !== 'down') {
    return { ...base, since: dyno.updatedAt, ...explainRunning(facts, dyno, evidence) };
  }
  return {
    ...base,
    since: told.endedAt ?? told.startedAt ?? dyno?.updatedAt,
    ...explainEnded(facts, evidence),
  };
}

function commandOf({ dyno, told }: OneOffFacts): { command?: string } {
  const command = told.command ?? dyno?.command;
  return command === undefined ? {} : { command };
}

function explainRunning({ app, name, told }: OneOffFacts, dyno: Dyno, evidence: Told['evidence']): Told {
  if (dyno.state === 'starting') {
    return {
      state: 'starting',
      cause: 'Its container is made and about to start',
      evidence,
      nextStep: undefined,
    };
  }
  return {
    state: 'up',
    cause: `A one-off dyno of v${dyno.releaseVersion}: it runs until its command ends${told.memory ? `; ${told.memory}` : ''}`,
    evidence,
    nextStep: `To end it: paas ps:stop ${name} -a ${app.name}`,
  };
}

function explainEnded(facts: OneOffFacts, evidence: Told['evidence']): Told {
  const { told, hasOutput, app, name } = facts;
  const { exitCode, startedAt, endedAt } = told;
  const output = hasOutput
    ? `See what it said: paas logs --dyno ${name} -a ${app.name}`
    : 'The log has no output of it: that of an attached run goes to its terminal only';
  if (exitCode === undefined) {
    return {
      state: 'ended',
      cause:
        'It runs no more, and how it ended is not known: its terminal went away, or the server was restarted',
      evidence,
      nextStep: output,
    };
  }
  const ranMs = startedAt === undefined || endedAt === undefined ? undefined : endedAt - startedAt;
  const after = ranMs === undefined ? '' : ` after ${describeDelay(ranMs)}`;
  const seen = {
    ...evidence,
    exit_code: exitCode,
    ...(ranMs !== undefined && { ran_ms: ranMs }),
    meaning: meaningOf(exitCode),
  };
  if (exitCode === 0) {
    return {
      state: 'complete',
      cause: `Its command ended by itself, without an error${after}`,
      evidence: seen,
      nextStep: undefined,
    };
  }
  const memory = told.memory === undefined ? '' : `; ${told.memory}`;
  return {
    state: 'ended',
    cause: `Its process exited with ${exitCode}${after}: ${meaningOf(exitCode)}${memory}`,
    evidence: seen,
    nextStep: told.memory === undefined ? output : 'Give it more memory, such as: paas run --size 1g',
  };
}
