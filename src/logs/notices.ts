// What the collector tells an app's developer about lines that are not there: in-band, with a count, at most once a
// second for each reason. Loss is never silent.

import { assertNever } from '../errors.js';
import { formatTimestamp, MAX_LINE_BYTES } from './line.js';

/** Why lines are missing or look different. */
export type NoticeKind =
  /** A process printed more than the limit per second. */
  | 'rate'
  /** The disk was too slow or full: shown live, but not kept. */
  | 'unstored'
  /** The daemon could not reach the collector for too long. */
  | 'undelivered'
  /** Over-long lines were cut into several. */
  | 'split';

/** The text of a notice; the codes are Heroku's (devcenter "error-codes"). */
export function noticeText(notice: {
  kind: NoticeKind;
  process: string;
  count: number;
  sinceUs: number;
}): string {
  const { kind, process, count } = notice;
  const since = `since ${formatTimestamp(notice.sinceUs)}`;
  switch (kind) {
    case 'rate':
      return `Error L12 (Local buffer overflow): ${count} messages of ${process} dropped ${since}: over the rate limit.`;
    case 'unstored':
      return `Error L10 (Output buffer overflow): ${count} messages dropped ${since}: they could not be stored.`;
    case 'undelivered':
      return `Error L12 (Local buffer overflow): ${count} messages dropped ${since}.`;
    case 'split':
      return `${count} lines of ${process} over ${MAX_LINE_BYTES} bytes were split ${since}.`;
    default:
      return assertNever(kind);
  }
}

/** The text for lines that nobody can count. */
export function gapText(process: string, reason: string): string {
  return `Error L13 (Local delivery error): an unknown number of messages of ${process} is missing: ${reason}.`;
}

/** The text for an app whose kept lines are gone. */
export const LOST_TEXT =
  'Error L13 (Local delivery error): the lines kept so far are lost: their file was damaged, and is set aside.';

/** Adds up counts and gives them out after a while. */
export class Notices {
  readonly #pending = new Map<
    string,
    { appId: string; kind: NoticeKind; process: string; count: number; sinceUs: number }
  >();
  readonly #nowUs: () => number;
  readonly #publish: (appId: string, text: string) => void;
  readonly #delayMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    nowUs: () => number;
    delayMs: number;
    publish: (appId: string, text: string) => void;
  }) {
    this.#nowUs = options.nowUs;
    this.#delayMs = options.delayMs;
    this.#publish = options.publish;
  }

  add(appId: string, kind: NoticeKind, process: string, count: number): void {
    if (count <= 0) return;
    const key = `${appId} ${kind} ${process}`;
    const pending = this.#pending.get(key);
    if (pending === undefined)
      this.#pending.set(key, { appId, kind, process, count, sinceUs: this.#nowUs() });
    else pending.count += count;
    this.#timer ??= setTimeout(() => this.publish(), this.#delayMs);
  }

  /** Gives out what was counted so far. */
  publish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const notices = [...this.#pending.values()];
    this.#pending.clear();
    for (const notice of notices) this.#publish(notice.appId, noticeText(notice));
  }
}
