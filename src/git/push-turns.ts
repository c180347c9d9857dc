// Whose turn it is among many pushes to one repository: what git unpacks of a push costs more than anything else here, and
// of the pushes that wait the newest makes the others moot as soon as its build is queued. So git takes few at a time, the
// newest of those that wait, and the others hear of it without git. docs/decisions/0205-losers-hear-without-git.md

/** What one wants that may hear that it is moot: a deploy of this commit. */
export interface Wanted {
  readonly commit: string;
  readonly ref: string;
}

/** One push, from the moment at which it came. */
export interface PushTurn {
  /**
   * Resolves when git may take the push, or to the newer build that makes it moot. One that wants `undefined` goes before
   * the others and never hears so.
   */
  wait(wanted: Wanted | undefined): Promise<string | undefined>;
  /** A build of it is queued: those that came before and wait, or come to wait while it goes on, are moot. */
  queued(build: { id: string; done: Promise<unknown>; isFollowed: (wanted: Wanted) => boolean }): void;
  /**
   * Ends when no other push of the repository comes, waits or is with git, or when that has gone on for some seconds: a build
   * that begins before takes the processor from those pushes, and a newer one of them makes it stale. Undefined when there
   * is nothing to wait for.
   */
  calm(): Promise<void> | undefined;
  /** Git has done its work, or nobody wants it any more. May be called more than once. */
  end(): void;
}

/** With git at the same time, of one repository. */
const AT_ONCE = 2;
/** One that is longer with git has a slow client, or much to unpack: the next one does not wait for it. */
const LONGEST_MS = 1000;
/** Between one that goes to git and the next: what comes in this time is moot but for its newest. */
const GAP_MS = 250;
/** Pushes that come and come do not keep an app from being built. */
const LONGEST_BURST_MS = 4000;
/** Who has asked for the refs to push sends the push within this time, or has nothing to send. */
const COMING_MS = 1000;

interface Waiting {
  readonly order: number;
  readonly wanted: Wanted | undefined;
  readonly go: (mootBy: string | undefined) => void;
}

interface Queued {
  readonly order: number;
  readonly id: string;
  readonly isFollowed: (wanted: Wanted) => boolean;
}

/** Of one repository. Calls `onIdle` when it holds nothing any more. */
class Line {
  readonly #onIdle: () => void;
  readonly #withGit = new Set<number>();
  #waiting: Waiting[] = [];
  #newest: Queued | undefined;
  #isInGap = false;
  readonly #coming: NodeJS.Timeout[] = [];
  #awaitingCalm: (() => void)[] = [];
  #burst: NodeJS.Timeout | undefined;
  #isLongBurst = false;

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  expect(): void {
    const timer = setTimeout(() => {
      this.#coming.splice(this.#coming.indexOf(timer), 1);
      this.#advance();
    }, COMING_MS).unref();
    this.#coming.push(timer);
  }

  add(waiting: Waiting): void {
    clearTimeout(this.#coming.shift());
    this.#waiting.push(waiting);
    this.#waiting.sort((a, b) => a.order - b.order);
    this.#advance();
  }

  remove(order: number): void {
    this.#withGit.delete(order);
    const gone = this.#waiting.filter((each) => each.order === order);
    this.#waiting = this.#waiting.filter((each) => each.order !== order);
    // Whoever asked for it is gone, too, and takes either answer.
    for (const { go } of gone) go(undefined);
    this.#advance();
  }

  setNewest(queued: Queued): void {
    if (this.#newest === undefined || this.#newest.order < queued.order) this.#newest = queued;
    this.#withGit.delete(queued.order);
    this.#advance();
  }

  dropNewest(id: string): void {
    if (this.#newest?.id === id) this.#newest = undefined;
    this.#advance();
  }

  calm(order: number): Promise<void> | undefined {
    const isAlone = this.#waiting.length === 0 && [...this.#withGit].every((other) => other === order);
    if ((isAlone && this.#coming.length === 0) || this.#isLongBurst) return undefined;
    this.#burst ??= setTimeout(() => {
      this.#isLongBurst = true;
      this.#tellCalm();
    }, LONGEST_BURST_MS).unref();
    return new Promise((resolve) => this.#awaitingCalm.push(resolve));
  }

  #tellCalm(): void {
    for (const resolve of this.#awaitingCalm.splice(0)) resolve();
  }

  #advance(): void {
    const moot = this.#waiting.filter((each) => this.#isMoot(each));
    this.#waiting = this.#waiting.filter((each) => !moot.includes(each));
    for (const { go } of moot) go(this.#newest?.id);
    if (this.#withGit.size < AT_ONCE && !this.#isInGap) this.#admit();
    if (this.#withGit.size + this.#waiting.length + this.#coming.length > 0) return;
    clearTimeout(this.#burst);
    this.#burst = undefined;
    this.#isLongBurst = false;
    this.#tellCalm();
    if (this.#newest === undefined && !this.#isInGap) this.#onIdle();
  }

  #admit(): void {
    const next = this.#waiting.find(({ wanted }) => wanted === undefined) ?? this.#waiting.at(-1);
    if (next === undefined) return;
    this.#waiting = this.#waiting.filter((each) => each !== next);
    this.#withGit.add(next.order);
    this.#isInGap = true;
    setTimeout(() => {
      this.#isInGap = false;
      this.#advance();
    }, GAP_MS).unref();
    setTimeout(() => {
      if (this.#withGit.delete(next.order)) this.#advance();
    }, LONGEST_MS).unref();
    next.go(undefined);
  }

  #isMoot({ order, wanted }: Waiting): boolean {
    const newest = this.#newest;
    if (newest === undefined || wanted === undefined || newest.order < order) return false;
    return !newest.isFollowed(wanted);
  }
}

export interface PushTurns {
  /** For a push that has come. */
  of(repository: string): PushTurn;
  /** Somebody has asked for the refs to push: a push may come. */
  expect(repository: string): void;
}

/** Of all repositories of this daemon. */
export function createPushTurns(): PushTurns {
  const lines = new Map<string, Line>();
  let last = 0;

  function lineOf(repository: string): Line {
    const line = lines.get(repository) ?? new Line(() => lines.delete(repository));
    lines.set(repository, line);
    return line;
  }

  function turnOf(repository: string): PushTurn {
    last += 1;
    const order = last;
    let hasEnded = false;
    return {
      wait: (wanted) =>
        new Promise((go) => {
          if (hasEnded) go(undefined);
          else lineOf(repository).add({ order, wanted, go });
        }),
      queued({ id, done, isFollowed }) {
        lineOf(repository).setNewest({ order, id, isFollowed });
        const over = () => lines.get(repository)?.dropNewest(id);
        done.then(over, over);
      },
      calm: () => lines.get(repository)?.calm(order),
      end() {
        hasEnded = true;
        lines.get(repository)?.remove(order);
      },
    };
  }

  return { of: turnOf, expect: (repository) => lineOf(repository).expect() };
}
