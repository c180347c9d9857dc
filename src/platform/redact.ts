// Takes the values of config vars out of text that is shown: build output, evidence. Pure.

const MIN_LENGTH = 8;
// Values that say nothing secret and that any output is full of.
const PLAIN_VALUES = new Set([
  'production',
  'development',
  'staging',
  'disabled',
  'localhost',
  '127.0.0.1',
  'en_US.UTF-8',
]);

/** Takes the given values out of whole texts. */
export function redaction(config: Readonly<Record<string, string>>): (text: string) => string {
  const redactor = new Redactor(config);
  return (text) => redactor.push(text) + redactor.end();
}

/** A stream of text without the given values: each becomes `[hidden]`, also where it comes in two pieces. */
export class Redactor {
  readonly #pattern: RegExp | undefined;
  readonly #secrets: readonly string[];
  readonly #longest: number;
  #held = '';

  constructor(config: Readonly<Record<string, string>>) {
    const values = Object.values(config).flatMap((value) => [value, value.trim(), ...value.split('\n')]);
    const secrets = values.filter((value) => value.length >= MIN_LENGTH && !PLAIN_VALUES.has(value));
    // The longest first, so that no part of one stays when it contains another.
    this.#secrets = [...new Set(secrets)].sort((a, b) => b.length - a.length);
    this.#longest = this.#secrets[0]?.length ?? 0;
    const alternatives = this.#secrets.map((secret) => secret.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    this.#pattern = alternatives.length === 0 ? undefined : new RegExp(alternatives.join('|'), 'g');
  }

  /** What can be shown so far; the beginning of a possible value is kept for the next call. */
  push(text: string): string {
    if (this.#pattern === undefined) return text;
    const clean = (this.#held + text).replace(this.#pattern, '[hidden]');
    const keep = this.#possibleStart(clean);
    this.#held = clean.slice(clean.length - keep);
    return clean.slice(0, clean.length - keep);
  }

  /** What was kept back. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  #possibleStart(text: string): number {
    for (let length = Math.min(this.#longest - 1, text.length); length > 0; length -= 1) {
      const tail = text.slice(-length);
      if (this.#secrets.some((secret) => secret.startsWith(tail))) return length;
    }
    return 0;
  }
}
