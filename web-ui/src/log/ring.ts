/** The newest `capacity` items of an endless row. Items are numbered from 0 in the order they came, for ever. */
export class Ring<T> {
  readonly capacity: number;
  #slots: T[] = [];
  #end = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Number of the oldest item still held; also how many have been pushed out. */
  get first(): number {
    return Math.max(0, this.#end - this.capacity);
  }

  /** Number that the next item will get. */
  get end(): number {
    return this.#end;
  }

  get size(): number {
    return this.#end - this.first;
  }

  /** Adds an item and returns the one it pushed out, if any. */
  push(item: T): T | undefined {
    const slot = this.#end % this.capacity;
    const old = this.#end >= this.capacity ? this.#slots[slot] : undefined;
    this.#slots[slot] = item;
    this.#end += 1;
    return old;
  }

  at(number: number): T | undefined {
    if (number < this.first || number >= this.#end) return undefined;
    return this.#slots[number % this.capacity];
  }

  *[Symbol.iterator](): Generator<T> {
    for (let number = this.first; number < this.#end; number += 1) {
      const item = this.at(number);
      if (item !== undefined) yield item;
    }
  }
}
