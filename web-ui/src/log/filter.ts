import { type LogEntry, processType } from './line.js';
import type { Ring } from './ring.js';

/** What the reader wants to see. `process` is '' (all), `source:app`, `type:web` or `process:web.1`. */
export interface LogFilter {
  readonly text: string;
  readonly process: string;
}

/** True when the line passes. Text is looked for anywhere in it, upper and lower case alike; words are all needed. */
export function matches(entry: LogEntry, filter: LogFilter): boolean {
  if (entry.source === 'notice') return true;
  if (!matchesProcess(entry, filter.process)) return false;
  if (filter.text === '') return true;
  const line = `${entry.source}[${entry.process}] ${entry.text}`.toLowerCase();
  return filter.text
    .toLowerCase()
    .split(/\s+/)
    .every((word) =>
      word.length > 1 && word.startsWith('-') ? !line.includes(word.slice(1)) : line.includes(word),
    );
}

/** The lines of a ring that pass a filter, kept up to date as the ring moves on. */
export class FilteredLines {
  #ring: Ring<LogEntry>;
  #filter: LogFilter;
  #hits: number[] = [];
  #head = 0;
  #next = 0;

  constructor(ring: Ring<LogEntry>, filter: LogFilter) {
    this.#ring = ring;
    this.#filter = filter;
  }

  get length(): number {
    return this.#hits.length - this.#head;
  }

  at(index: number): LogEntry | undefined {
    const number = this.#hits[this.#head + index];
    return number === undefined ? undefined : this.#ring.at(number);
  }

  setFilter(filter: LogFilter): void {
    this.#filter = filter;
    this.#hits = [];
    this.#head = 0;
    this.#next = 0;
    this.update();
  }

  /** Reads what is new in the ring; returns how many lines have left at the top since the last time. */
  update(): number {
    const before = this.#head;
    const { first, end } = this.#ring;
    let hit = this.#hits[this.#head];
    while (hit !== undefined && hit < first) {
      this.#head += 1;
      hit = this.#hits[this.#head];
    }
    const left = this.#head - before;
    for (let number = Math.max(this.#next, first); number < end; number += 1) {
      const entry = this.#ring.at(number);
      if (entry && matches(entry, this.#filter)) this.#hits.push(number);
    }
    this.#next = end;
    if (this.#head > this.#ring.capacity) {
      this.#hits = this.#hits.slice(this.#head);
      this.#head = 0;
    }
    return left;
  }
}

function matchesProcess(entry: LogEntry, wanted: string): boolean {
  if (wanted === '') return true;
  const colon = wanted.indexOf(':');
  const value = wanted.slice(colon + 1);
  if (wanted.startsWith('source:')) return entry.source === value;
  if (wanted.startsWith('type:')) return processType(entry.process) === value;
  return entry.process === value;
}
