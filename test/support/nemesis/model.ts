// What the platform has promised: kept outside of it, from its answers alone. A call without an answer may or may not
// have happened, so a fact is a set of values that are all right until a look at the platform settles it.

/** Values of which one must be true. `undefined` stands for "not there". */
export class Fact<Value> {
  #values: Value[];

  constructor(value: Value) {
    this.#values = [value];
  }

  get values(): readonly Value[] {
    return this.#values;
  }

  /** It was answered, or seen, that it is so. */
  settle(value: Value): void {
    this.#values = [value];
  }

  /** It may be so from now on: no answer came. */
  allow(value: Value): void {
    if (!this.#values.includes(value)) this.#values.push(value);
  }

  allows(value: Value): boolean {
    return this.#values.includes(value);
  }

  toString(): string {
    return this.#values.map((value) => JSON.stringify(value)).join(' or ');
  }
}

/** Stands for config vars that were not told. */
export const UNKNOWN = '?';
export const UNKNOWN_QUANTITY = -1;

/** An app as its users know it. */
export class AppModel {
  readonly name: string;
  readonly exists: Fact<boolean>;
  /** Config vars as JSON with sorted keys. */
  readonly config = new Fact('{}');
  readonly web = new Fact(1);
  readonly domains = new Map<string, Fact<boolean>>();
  /** Version -> id of releases that were answered. */
  readonly releases = new Map<number, string>();
  /** Newest release that the platform made by itself, as far as it was noticed; 0: none. */
  wentBackAs = 0;
  /** The newest line of its log when all of that was accounted for. */
  lastLine: string | undefined;

  constructor(name: string, exists: boolean) {
    this.name = name;
    this.exists = new Fact(exists);
  }

  /** Nothing is sure any more but its name. */
  forgetAll(): void {
    this.exists.allow(true);
    this.exists.allow(false);
    this.config.allow(UNKNOWN);
    this.web.allow(UNKNOWN_QUANTITY);
    this.domains.clear();
    this.releases.clear();
  }

  get certainlyExists(): boolean {
    return this.exists.values.length === 1 && this.exists.allows(true);
  }
}

/** Config vars in the one form that the model compares. */
export function configText(vars: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(vars).sort(([a], [b]) => (a < b ? -1 : 1))));
}
