import type { LogEntry } from './line.js';
import { Ring } from './ring.js';

/**
 * The lines of one tail: the newest `capacity` are kept, each id once, whatever a reconnect sends again.
 * While paused, new lines wait aside (as many, then the oldest of them are given up and counted).
 */
export class LogFeed {
  readonly lines: Ring<LogEntry>;
  #held: Ring<LogEntry>;
  #seen = new Set<number>();
  #forgottenId = -1;
  #noticeId = -1;
  #isPaused = false;
  #lastId: number | undefined;

  constructor(capacity: number) {
    this.lines = new Ring(capacity);
    // One less, so that the line which says what was given up has a place.
    this.#held = new Ring(capacity - 1);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Lines that wait for `resume`, those given up included. */
  get heldCount(): number {
    return this.#held.end;
  }

  /** Lines that came while paused and could not be kept. */
  get givenUpCount(): number {
    return this.#held.first;
  }

  /** The highest id that came, for Last-Event-ID. */
  get lastId(): number | undefined {
    return this.#lastId;
  }

  /** Takes lines in; returns how many were new. */
  push(entries: readonly LogEntry[]): number {
    let added = 0;
    for (const entry of entries) {
      if (!this.#isNew(entry.id)) continue;
      added += 1;
      if (this.#isPaused) this.#held.push(entry);
      else this.#show(entry);
    }
    return added;
  }

  /** Adds a line of the dashboard's own (a gap, a cleared view). */
  note(text: string): void {
    const entry = { id: this.#noticeId, time: '', source: 'notice', process: '', text };
    this.#noticeId -= 1;
    if (this.#isPaused) this.#held.push(entry);
    else this.#show(entry);
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** Shows what waited. Says so in a line when some of it could not be kept. */
  resume(): void {
    this.#isPaused = false;
    const held = this.#held;
    this.#held = new Ring(held.capacity);
    if (held.first > 0)
      this.note(`${held.first.toLocaleString('en')} lines came while paused and were not kept`);
    for (const entry of held) this.#show(entry);
  }

  #isNew(id: number): boolean {
    if (id <= this.#forgottenId || this.#seen.has(id)) return false;
    this.#seen.add(id);
    // Ids are remembered for twice the capacity: enough for every line that may still be shown or held.
    if (this.#seen.size > this.lines.capacity * 2) this.#forgetOldest();
    if (this.#lastId === undefined || id > this.#lastId) this.#lastId = id;
    return true;
  }

  #forgetOldest(): void {
    const oldest = this.#seen.values().next();
    if (oldest.done) return;
    this.#seen.delete(oldest.value);
    this.#forgottenId = Math.max(this.#forgottenId, oldest.value);
  }

  #show(entry: LogEntry): void {
    this.lines.push(entry);
  }
}
