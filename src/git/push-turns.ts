// Whose turn it is among many pushes to one repository: what git unpacks of a push costs more than anything else here, and
// of the pushes that wait the newest makes the others moot as soon as its build is queued. So few are with git at once, the
// newest goes next, and the others hear of it without git. docs/decisions/0205-losers-hear-without-git.md

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
  /** Git has done its work, or nobody wants it any more. May be called more than once. */
  end(): void;
}

/** With git at the same time, of one repository. */
const AT_ONCE = 2;
/** One that is longer with git has a slow client, or much to unpack: the next one does not wait for it. */
const LONGEST_MS = 1000;

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

/** Of one repository. */
class Line {
  readonly #withGit = new Set<number>();
  #waiting: Waiting[] = [];
  #newest: Queued | undefined;

  get isIdle(): boolean {
    return this.#withGit.size === 0 && this.#waiting.length === 0 && this.#newest === undefined;
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#waiting.sort((a, b) => a.order - b.order);
    this.advance();
  }

  remove(order: number): void {
    this.#withGit.delete(order);
    const gone = this.#waiting.filter((each) => each.order === order);
    this.#waiting = this.#waiting.filter((each) => each.order !== order);
    // Whoever asked for it is gone, too, and takes either answer.
    for (const { go } of gone) go(undefined);
    this.advance();
  }

  setNewest(queued: Queued): void {
    if (this.#newest === undefined || this.#newest.order < queued.order) this.#newest = queued;
    this.advance();
  }

  dropNewest(id: string): void {
    if (this.#newest?.id === id) this.#newest = undefined;
  }

  advance(): void {
    const moot = this.#waiting.filter((each) => this.#isMoot(each));
    this.#waiting = this.#waiting.filter((each) => !moot.includes(each));
    for (const { go } of moot) go(this.#newest?.id);
    while (this.#withGit.size < AT_ONCE && this.#waiting.length > 0) this.#admit();
  }

  #admit(): void {
    const next = this.#waiting.find(({ wanted }) => wanted === undefined) ?? this.#waiting.at(-1);
    if (next === undefined) return;
    this.#waiting = this.#waiting.filter((each) => each !== next);
    this.#withGit.add(next.order);
    setTimeout(() => {
      if (this.#withGit.delete(next.order)) this.advance();
    }, LONGEST_MS).unref();
    next.go(undefined);
  }

  #isMoot({ order, wanted }: Waiting): boolean {
    const newest = this.#newest;
    if (newest === undefined || wanted === undefined || newest.order < order) return false;
    return !newest.isFollowed(wanted);
  }
}

/** Gives each push of a repository, when it comes, its turn. */
export function createPushTurns(): (repository: string) => PushTurn {
  const lines = new Map<string, Line>();
  let last = 0;

  return (repository) => {
    last += 1;
    const order = last;
    const line = () => {
      const present = lines.get(repository) ?? new Line();
      lines.set(repository, present);
      return present;
    };
    const leave = (change: (present: Line) => void) => {
      const present = lines.get(repository);
      if (present === undefined) return;
      change(present);
      if (present.isIdle) lines.delete(repository);
    };
    let hasEnded = false;
    return {
      wait: (wanted) =>
        new Promise((go) => {
          if (hasEnded) go(undefined);
          else line().add({ order, wanted, go });
        }),
      queued({ id, done, isFollowed }) {
        line().setNewest({ order, id, isFollowed });
        const over = () => leave((present) => present.dropNewest(id));
        done.then(over, over);
        leave((present) => present.remove(order));
      },
      end() {
        hasEnded = true;
        leave((present) => present.remove(order));
      },
    };
  };
}
