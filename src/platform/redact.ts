// Takes the values of config vars out of text that is shown: build output, evidence, explanations. Pure.
// docs/decisions/0142-which-values-are-hidden.md

/** Config vars by name, of one release. */
export type Config = Readonly<Record<string, string>>;

const MIN_LENGTH = 8;
// Of variables whose name says that they are secret, and of the password in an address.
const MIN_SECRET_LENGTH = 4;
const SECRET_WORD = /(?:key|token|secret|password|passwd|passphrase|pass|pwd|credential|salt)s?$/i;
// Values that say nothing secret and that any output is full of.
const PLAIN_VALUES = new Set([
  'production',
  'development',
  'staging',
  'disabled',
  'localhost',
  '127.0.0.1',
  'en_US.UTF-8',
  'true',
  'false',
  'none',
  'null',
]);
// What `evidence` ends with when it was cut.
const CUT = '…';

/** Takes the values of the given configs out of whole texts, also the beginning of one at the cut end of a text. */
export function redaction(...configs: readonly Config[]): (text: string) => string {
  const redactor = new Redactor(...configs);
  return (text) => {
    if (!text.endsWith(CUT)) return redactor.push(text) + redactor.end();
    const clean = redactor.push(text.slice(0, -CUT.length));
    const rest = redactor.end();
    return `${clean}${rest.length < MIN_SECRET_LENGTH ? rest : '[hidden]'}${CUT}`;
  };
}

/** A stream of text without the given values: each becomes `[hidden]`, also where it comes in two pieces. */
export class Redactor {
  readonly #pattern: RegExp | undefined;
  readonly #secrets: readonly string[];
  readonly #longest: number;
  #held = '';

  constructor(...configs: readonly Config[]) {
    const secrets = configs.flatMap((config) =>
      Object.entries(config).flatMap(([name, value]) => secretsOf(name, value)),
    );
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

/** Whether a variable's name says that its value is secret: `API_KEY`, `dbPassword`, `SECRET_KEY_BASE`. */
export function isSecretName(name: string): boolean {
  const words = name.split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/);
  return words.some((word) => SECRET_WORD.test(word));
}

function secretsOf(name: string, value: string): string[] {
  const least = isSecretName(name) ? MIN_SECRET_LENGTH : MIN_LENGTH;
  const whole = [value, value.trim(), ...value.split('\n')].filter((text) => text.length >= least);
  const parts = passwordsOf(value).filter((text) => text.length >= MIN_SECRET_LENGTH);
  return [...whole, ...parts]
    .filter((text) => !PLAIN_VALUES.has(text))
    .flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
}

/** The password in an address such as `postgres://user:password@host/db`, as it is there and decoded. */
function passwordsOf(value: string): string[] {
  const [, user = '', password] = /^\s*[a-z][a-z\d+.-]*:\/\/([^\s/:@]*)(?::([^\s@]+))?@/i.exec(value) ?? [];
  // Without a password the user is the secret, as in https://TOKEN@host.
  const secret = password ?? (user.length >= MIN_LENGTH ? user : '');
  return [secret, decoded(secret)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
