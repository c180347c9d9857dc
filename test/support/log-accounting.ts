// The accounting of log lines: every line that a process printed was delivered once, or is counted in a notice. A notice
// excuses only what it names: so many lines of that process, or the one gap that it stands in.

import { createInterface } from 'node:readline';
import { createEventParser } from '../../src/cli/event-stream.js';
import { parseLogLine } from '../../src/cli/log-lines.js';
import { eventually } from './house.js';
import type { User } from './paas.js';

/** What one run of a numbering process (`tick LAUNCH n`, and `ticked LAUNCH N` at its end) printed and what came of it. */
export interface Account {
  readonly process: string;
  readonly launch: string;
  /** The number of its last line, or of the greatest seen while it runs. */
  readonly printed: number;
  readonly delivered: number;
  readonly gaps: readonly Gap[];
  /** Numbers that came more than once. */
  readonly repeated: readonly number[];
  /** Whether it ended in order and said how many lines there were. */
  readonly isComplete: boolean;
}

/** Numbers that did not come. */
export interface Gap {
  readonly from: number;
  /** Included. */
  readonly to: number;
  /** Places of the lines around it in what was read. */
  readonly after: number;
  readonly before: number;
}

export interface AccountOptions {
  /** The first word of the numbered lines. */
  readonly name?: string;
  /** Runs whose first line stands at this place or later must begin with 1. By default none: a reader begins somewhere. */
  readonly wholeFrom?: number;
}

interface Run {
  readonly process: string;
  readonly launch: string;
  /** Numbers and their places, as they came. */
  readonly seen: [number: number, place: number][];
  end: { total: number; place: number } | undefined;
}

/** Reads log lines as `paas logs` prints them. */
export function accountLines(lines: Iterable<string>, options: AccountOptions = {}): Account[] {
  const { name = 'tick', wholeFrom = Number.POSITIVE_INFINITY } = options;
  const runs = new Map<string, Run>();
  let place = -1;
  for (const line of lines) {
    place += 1;
    const parts = parseLogLine(line);
    const [, word, launch = '', number] = /^(\w+) (\w+) (\d+)$/.exec(parts?.message ?? '') ?? [];
    if (parts === undefined || (word !== name && word !== `${name}ed`)) continue;
    const { process } = parts;
    const key = `${process} ${launch}`;
    const run: Run = runs.get(key) ?? { process, launch, seen: [], end: undefined };
    runs.set(key, run);
    if (word === name) run.seen.push([Number(number), place]);
    else run.end = { total: Number(number), place };
  }
  return [...runs.values()].map((run) => closeAccount(run, wholeFrom));
}

/** Lines that notices tell as dropped, and notices of gaps whose size nobody knows. */
export function countNotices(lines: Iterable<string>): { dropped: number; unknownGaps: number } {
  let dropped = 0;
  let unknownGaps = 0;
  for (const line of lines) {
    const notice = readNotice(line);
    if (notice?.kind === 'gap') unknownGaps += 1;
    else dropped += notice?.count ?? 0;
  }
  return { dropped, unknownGaps };
}

/** What of the identity does not hold, in words; empty when every number came exactly once. */
export function breachesOf(accounts: readonly Account[]): string[] {
  return accounts.flatMap((account) => [
    ...repeatsOf(account),
    ...account.gaps.map((gap) => describe(account, gap)),
  ]);
}

/**
 * The same, but what notices among the lines told is right: a gap of unknown size for the one gap of its process that it
 * stands in, a count for as many lines of its process (or, where it names none, of any) that are missing before it.
 */
export function untoldBreaches(lines: readonly string[], options: AccountOptions = {}): string[] {
  const notices = lines.flatMap((line, place) => {
    const notice = readNotice(line);
    return notice === undefined ? [] : [{ ...notice, place }];
  });
  return accountLines(lines, options).flatMap((account) => [
    ...repeatsOf(account),
    ...account.gaps.flatMap((gap) => {
      const left = untold(account, gap, notices);
      return left === 0 ? [] : [`${describe(account, gap)}, of which ${left} were not told`];
    }),
  ]);
}

/** How many lines of a gap no notice tells. What a count tells is taken from it. */
function untold({ process }: Account, gap: Gap, notices: readonly (Notice & { place: number })[]): number {
  const isInside = ({ place }: { place: number }) => gap.after < place && place < gap.before;
  const own = notices.filter((notice) => notice.process === process || notice.process === undefined);
  if (own.some((notice) => notice.kind === 'gap' && isInside(notice))) return 0;
  let left = gap.to - gap.from + 1;
  for (const notice of own) {
    if (notice.kind !== 'count' || notice.place < gap.after) continue;
    const taken = Math.min(left, notice.count);
    notice.count -= taken;
    left -= taken;
  }
  return left;
}

type Notice =
  | { readonly kind: 'gap'; readonly process: string; count: number }
  /** Without a process it counts lines of the whole app. */
  | { readonly kind: 'count'; readonly process: string | undefined; count: number };

function readNotice(line: string): Notice | undefined {
  const parts = parseLogLine(line);
  if (parts?.source !== 'heroku' || parts.process !== 'logplex') return undefined;
  const gap = / an unknown number of messages of (\S+) is missing/.exec(parts.message);
  if (gap?.[1] !== undefined) return { kind: 'gap', process: gap[1], count: 0 };
  const counted = /: (\d+) messages (?:of (\S+) )?dropped/.exec(parts.message);
  if (counted === null) return undefined;
  return { kind: 'count', process: counted[2], count: Number(counted[1]) };
}

export interface Tail extends AsyncDisposable {
  /** Lines as they came. */
  readonly lines: readonly string[];
  /** Whether the command still runs. */
  readonly isOpen: boolean;
  /** Waits for so many more lines; throws when the command ends instead. */
  more(count: number): Promise<void>;
}

/** Follows an app's log with the command line; resolves with the first line. */
export async function startTail(user: User, app: string): Promise<Tail> {
  const running = user.startCli(['logs', '--tail', '-n', '1', '-a', app], { keepsInput: true });
  const lines: string[] = [];
  if (running.child.stdout === null) throw new Error('the command has no output');
  createInterface({ input: running.child.stdout }).on('line', (line) => lines.push(line));
  const tail: Tail = {
    lines,
    get isOpen() {
      return running.child.exitCode === null && running.child.signalCode === null;
    },
    async more(count) {
      const target = lines.length + count;
      await eventually(
        `${count} more lines of ${app}`,
        () => {
          if (!tail.isOpen) throw new Error(`the tail of ${app} has ended: ${running.text().slice(-500)}`);
          return lines.length >= target;
        },
        60_000,
      );
    },
    async [Symbol.asyncDispose]() {
      running.kill('SIGTERM');
      await running.ended;
    },
  };
  await tail.more(1);
  return tail;
}

/** The kept log of an app as the command shows it, without a start of the command: tests look often. */
export async function keptLines(user: User, app: string, lines = 1500): Promise<string[]> {
  const { status, body } = await user.api('POST', `/apps/${app}/log-sessions`, { lines });
  if (status !== 201) throw new Error(`no log of ${app}: ${status} ${JSON.stringify(body)}`);
  const stream = await fetch((body as { logplex_url: string }).logplex_url);
  if (!stream.ok) throw new Error(`no log of ${app}: ${stream.status} ${await stream.text()}`);
  return createEventParser()(await stream.text()).map(({ data }) => data);
}

function repeatsOf({ process, launch, repeated }: Account): string[] {
  return repeated.length === 0 ? [] : [`${process} ${launch}: twice ${shorten(repeated)}`];
}

function describe({ process, launch, printed, delivered }: Account, { from, to }: Gap): string {
  const which = from === to ? String(from) : `${from} to ${to}`;
  return `${process} ${launch}: ${delivered} of ${printed} lines; missing ${which}`;
}

function shorten(numbers: readonly number[]): string {
  return `${numbers.slice(0, 10).join(' ')}${numbers.length > 10 ? ` and ${numbers.length - 10} more` : ''}`;
}

function closeAccount({ process, launch, seen, end }: Run, wholeFrom: number): Account {
  const times = new Map<number, number>();
  for (const [number] of seen) times.set(number, (times.get(number) ?? 0) + 1);
  const sorted = [...seen].sort(([a], [b]) => a - b);
  const begin = Math.min(seen[0]?.[1] ?? Number.POSITIVE_INFINITY, end?.place ?? Number.POSITIVE_INFINITY);
  // A reader begins somewhere: what was printed before it is not its business.
  const first = begin >= wholeFrom ? 1 : (sorted[0]?.[0] ?? (end?.total ?? 0) + 1);
  const gaps: Gap[] = [];
  let [due, after] = [first, -1];
  const expectNext = (number: number, place: number) => {
    if (number > due) gaps.push({ from: due, to: number - 1, after, before: place });
    due = Math.max(due, number + 1);
    after = place;
  };
  for (const [number, place] of sorted) expectNext(number, place);
  if (end !== undefined) expectNext(end.total + 1, end.place);
  return {
    process,
    launch,
    printed: end?.total ?? sorted.at(-1)?.[0] ?? 0,
    delivered: seen.length,
    gaps,
    repeated: [...times].filter(([, count]) => count > 1).map(([number]) => number),
    isComplete: end !== undefined,
  };
}
