// The daemon's own log: JSON lines on stdout, pretty on a terminal. Output of users' apps never goes through it.

import { type Logger, pino } from 'pino';

export type { Logger };

/** Characters that may wait for a disk that takes none. */
const MAX_UNWRITTEN = 1024 * 1024;

/** The root logger. Fields that may hold a secret are replaced by `[hidden]`. */
export function createLogger(options: { level: string; isTty: boolean; name: string }): Logger {
  const settings = {
    name: options.name,
    level: options.level,
    redact: {
      paths: [
        'password',
        'token',
        'config',
        'env',
        '*.password',
        '*.token',
        '*.config',
        '*.env',
        'req.headers.authorization',
        'req.headers.cookie',
      ],
      censor: '[hidden]',
    },
  };
  if (options.isTty) return pino({ ...settings, transport: { target: 'pino-pretty' } });
  const output = pino.destination({ dest: 1, sync: true, maxLength: MAX_UNWRITTEN });
  // A full disk: what is to be said is lost, which must not end who says it.
  output.on('error', () => undefined);
  return pino(settings, output);
}

const FIRST_REST_MS = 5000;
const LONGEST_REST_MS = 600_000;
/** Without a failure for so long, the next one is news. */
const QUIET_MS = 1_200_000;
const MAX_KINDS = 20;

/** A failure that may come again and again at one place: told at once, then at growing intervals with how often it came. */
export class RepeatedFailure {
  readonly #options: { log: Logger; level: 'warn' | 'error'; text: string; now: () => number };
  readonly #kinds = new Set<string>();
  #untold = 0;
  #restMs = FIRST_REST_MS;
  #tellAt = Number.NEGATIVE_INFINITY;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** `now`: ms of a clock that nobody sets. */
  constructor(options: { log: Logger; level: 'warn' | 'error'; text: string; now: () => number }) {
    this.#options = options;
  }

  /** It has failed once more; one of another kind is told at once, too. */
  note(err: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
    const now = this.#options.now();
    if (now - this.#lastAt > QUIET_MS) this.#beginAnew();
    this.#lastAt = now;
    this.#untold += 1;
    const kind = kindOf(err);
    const isNew = !this.#kinds.has(kind) && this.#kinds.size < MAX_KINDS;
    if (!isNew && now < this.#tellAt) return;
    this.#kinds.add(kind);
    const { log, level, text } = this.#options;
    log[level]({ err, ...fields, ...(this.#untold > 1 && { times: this.#untold }) }, text);
    this.#untold = 0;
    this.#tellAt = now + this.#restMs;
    this.#restMs = Math.min(LONGEST_REST_MS, this.#restMs * 2);
  }

  #beginAnew(): void {
    this.#kinds.clear();
    this.#restMs = FIRST_REST_MS;
    this.#tellAt = Number.NEGATIVE_INFINITY;
  }
}

/** Texts hold ids and paths: they would make each failure one of its own. */
function kindOf(err: unknown): string {
  if (!(err instanceof Error)) return typeof err;
  return [err.name, 'id' in err ? err.id : '', 'code' in err ? err.code : ''].join(' ');
}
