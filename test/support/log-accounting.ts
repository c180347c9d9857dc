// The accounting of log lines: every line that a process printed was delivered once or is counted in a notice.

import { createInterface } from 'node:readline';
import { parseLogLine } from '../../src/cli/log-lines.js';
import type { User } from './paas.js';

/** What one run of a numbering process (`tick LAUNCH n`, and `ticked LAUNCH N` at its end) printed and what came of it. */
export interface Account {
  readonly process: string;
  readonly launch: string;
  /** The number of its last line, or of the greatest seen while it runs. */
  readonly printed: number;
  readonly delivered: number;
  /** The first ten numbers that did not come, and that came more than once. */
  readonly missing: readonly number[];
  readonly repeated: readonly number[];
  /** Whether it ended in order and said how many lines there were. */
  readonly isComplete: boolean;
}

/** Reads log lines as `paas logs` prints them; `name` is the first word of the numbered ones. */
export function accountLines(lines: Iterable<string>, name = 'tick'): Account[] {
  const runs = new Map<
    string,
    { process: string; launch: string; seen: number[]; total: number | undefined }
  >();
  for (const line of lines) {
    const parts = parseLogLine(line);
    const [, word, launch = '', number] = /^(\w+) (\w+) (\d+)$/.exec(parts?.message ?? '') ?? [];
    if (parts === undefined || (word !== name && word !== `${name}ed`)) continue;
    const key = `${parts.process} ${launch}`;
    const run = runs.get(key) ?? { process: parts.process, launch, seen: [], total: undefined };
    runs.set(key, run);
    if (word === name) run.seen.push(Number(number));
    else run.total = Number(number);
  }
  return [...runs.values()].map(closeAccount);
}

/** Lines that notices tell as dropped, and notices of gaps whose size nobody knows. */
export function countNotices(lines: Iterable<string>): { dropped: number; unknownGaps: number } {
  let dropped = 0;
  let unknownGaps = 0;
  for (const line of lines) {
    if (!/ heroku\[logplex\]: /.test(line)) continue;
    dropped += Number(/: (\d+) messages (?:of \S+ )?dropped/.exec(line)?.[1] ?? 0);
    if (line.includes('an unknown number of messages')) unknownGaps += 1;
  }
  return { dropped, unknownGaps };
}

/** What of the identity does not hold, in words; empty when every number came exactly once. */
export function breachesOf(accounts: readonly Account[]): string[] {
  return accounts
    .filter((account) => account.missing.length > 0 || account.repeated.length > 0)
    .map(
      ({ process, launch, printed, delivered, missing, repeated }) =>
        `${process} ${launch}: ${delivered} of ${printed} lines; missing ${missing.join(' ')}…; twice ${repeated.join(' ')}…`,
    );
}

export interface Tail extends AsyncDisposable {
  /** Lines as they came. */
  readonly lines: readonly string[];
  /** Whether the command still runs. */
  readonly isOpen: boolean;
}

/** Follows an app's log with the command line. */
export function startTail(user: User, app: string): Tail {
  const running = user.startCli(['logs', '--tail', '-n', '1', '-a', app], { keepsInput: true });
  const lines: string[] = [];
  if (running.child.stdout === null) throw new Error('the command has no output');
  createInterface({ input: running.child.stdout }).on('line', (line) => lines.push(line));
  return {
    lines,
    get isOpen() {
      return running.child.exitCode === null && running.child.signalCode === null;
    },
    async [Symbol.asyncDispose]() {
      running.kill('SIGTERM');
      await running.ended;
    },
  };
}

/** The kept log of an app, as much as the command gives. */
export async function keptLines(user: User, app: string, lines = 1500): Promise<string[]> {
  const { code, all, stdout } = await user.cli(['logs', '-n', String(lines), '-a', app]);
  if (code !== 0) throw new Error(all);
  return stdout.split('\n').filter(Boolean);
}

function closeAccount(run: {
  process: string;
  launch: string;
  seen: readonly number[];
  total: number | undefined;
}): Account {
  const { process, launch, seen, total } = run;
  const times = new Map<number, number>();
  for (const number of seen) times.set(number, (times.get(number) ?? 0) + 1);
  // A tail begins somewhere: what was printed before it is not its business.
  const first = seen.reduce((least, number) => Math.min(least, number), total ?? Number.POSITIVE_INFINITY);
  const printed = total ?? seen.reduce((most, number) => Math.max(most, number), 0);
  const missing: number[] = [];
  for (let number = first; number <= printed && missing.length < 10; number += 1) {
    if (!times.has(number)) missing.push(number);
  }
  const repeated = [...times].filter(([, count]) => count > 1).map(([number]) => number);
  return {
    process,
    launch,
    printed,
    delivered: seen.length,
    missing,
    repeated: repeated.slice(0, 10),
    isComplete: total !== undefined,
  };
}
