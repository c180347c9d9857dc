// Finds the place in the engine's own log file where a container's output has to be taken up again after nobody was
// attached. Pure. The engine keeps no positions, so places are found by the lines themselves and their times.

import type { StreamProgress } from './store.js';

/** A line from the engine's log file. */
export interface EngineLine {
  readonly text: string;
  /** Epoch microseconds, the engine's own stamp. */
  readonly timeUs: number;
  /** The head of an over-long line. */
  readonly isSplit?: true;
}

/** Where new lines begin. */
export type Resume =
  /** Everything before `index` is stored, nothing from there on is. */
  | { readonly kind: 'found'; readonly index: number }
  /** Several places fit (an app that repeats itself); `index` is the best by time. */
  | { readonly kind: 'ambiguous'; readonly index: number }
  /** The file does not go back to the last stored line; an unknown number of lines before `index` is gone. */
  | { readonly kind: 'lost'; readonly index: number };

/** How many of the last lines are remembered. */
export const RECENT_LINES = 32;
/** How far the engine's stamp of a line may be from ours. */
const CLOCK_SLACK_US = 2_000_000;

/** How much earlier than the engine's stamp a line can seem to arrive: both are read from clocks of one machine. */
const STAMP_SLACK_US = 2000;
/** How many live lines are compared with the file. */
const MAX_COMPARED = 200;

/** 32-bit FNV-1a over the UTF-16 units. */
export function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * The first line of one stream that is not stored yet. `isWhole` says that `lines` was read from the oldest kept line on
 * and that `progress.count` counts from the container's start; only then can a repetitive output be placed exactly.
 */
export function findResume(lines: readonly EngineLine[], progress: StreamProgress, isWhole: boolean): Resume {
  if (progress.count === 0 || progress.recent.length === 0) return { kind: 'found', index: 0 };
  const places = placesAfter(lines, progress);
  if (places.length === 1) return { kind: 'found', index: places[0] ?? 0 };
  if (places.length > 1) {
    if (isWhole && places.includes(progress.count)) return { kind: 'found', index: progress.count };
    return { kind: 'ambiguous', index: nearest(lines, places, progress.lastUs) };
  }
  const newer = lines.findIndex((line) => line.timeUs > progress.lastUs);
  return { kind: 'lost', index: newer < 0 ? lines.length : newer };
}

/** A line as the live stream gave it. */
export interface LiveLine {
  readonly text: string;
  /** Epoch microseconds, when it was read here. */
  readonly timeUs: number;
}

/** Where the live stream begins in the file. */
export interface Seam {
  readonly index: number;
  /** Whether it is told by the texts alone; the more lines there are, the better the times tell it otherwise. */
  readonly isOnly: boolean;
  /** False when identical lines leave it open by one or more. */
  readonly isSure: boolean;
}

/**
 * The line of the file that `live[0]` is (or is the end of, when the stream was opened in the middle of it): what the
 * stream brought later is then `live[1]` and on. Undefined when the file has not got that far, or has lost it.
 *
 * An app that repeats itself fits in many places. A line is read here after the engine has stamped it, some at once and
 * some late: the right place is the last one at which no line came before its stamp.
 */
export function findSeam(lines: readonly EngineLine[], live: readonly LiveLine[]): Seam | undefined {
  const [first] = live;
  if (first === undefined) return undefined;
  const fitting: number[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    if (lines[index]?.text.endsWith(first.text) && agree(lines, index, live)) fitting.push(index);
  }
  const whole = fitting.filter((index) => lines[index]?.text === first.text);
  // A short line, such as `}`, ends many others; streams are seldom opened in the middle of a line.
  const places = whole.length === 0 ? fitting : whole;
  const [only] = places;
  if (only === undefined) return undefined;
  if (places.length === 1) return { index: only, isOnly: fitting.length === 1, isSure: true };
  const delays = places.map((place) => quickest(lines, place, live));
  const late = delays.findIndex((delay) => delay < -STAMP_SLACK_US);
  const chosen = late < 0 ? places.length - 1 : Math.max(0, late - 1);
  return { index: places[chosen] ?? only, isOnly: false, isSure: isClear(delays, chosen) };
}

/** Positions that come right after the remembered lines, at about the time at which they were read. */
function placesAfter(lines: readonly EngineLine[], progress: StreamProgress): number[] {
  const { recent, lastUs } = progress;
  const hashes = lines.map((line) => fingerprint(line.text));
  const places: number[] = [];
  for (let place = 1; place <= lines.length; place += 1) {
    if (Math.abs((lines[place - 1]?.timeUs ?? 0) - lastUs) > CLOCK_SLACK_US) continue;
    // At the beginning of what was read, the older ones of the remembered lines are out of sight.
    const length = Math.min(recent.length, place);
    let same = 1;
    while (same <= length && hashes[place - same] === recent[recent.length - same]) same += 1;
    if (same > length) places.push(place);
  }
  return places;
}

function nearest(lines: readonly EngineLine[], places: readonly number[], timeUs: number): number {
  let best = places[0] ?? 0;
  for (const place of places) {
    if (distance(lines, place - 1, timeUs) < distance(lines, best - 1, timeUs)) best = place;
  }
  return best;
}

function agree(lines: readonly EngineLine[], index: number, live: readonly LiveLine[]): boolean {
  const length = Math.min(live.length, lines.length - index, MAX_COMPARED);
  for (let offset = 1; offset < length; offset += 1) {
    if (lines[index + offset]?.text !== live[offset]?.text) return false;
  }
  return true;
}

/** The shortest time from the engine's stamp of a line to its arrival here, if `live` begins at `place`. */
function quickest(lines: readonly EngineLine[], place: number, live: readonly LiveLine[]): number {
  const length = Math.min(live.length, lines.length - place);
  const step = Math.ceil(length / MAX_COMPARED);
  let least = Number.POSITIVE_INFINITY;
  for (let offset = 0; offset < length; offset += step) {
    least = Math.min(least, (live[offset]?.timeUs ?? 0) - (lines[place + offset]?.timeUs ?? 0));
  }
  return least;
}

/** Whether the chosen place is clearly better than its neighbours: much nearer to no delay at all. */
function isClear(delays: readonly number[], chosen: number): boolean {
  const delay = Math.abs(delays[chosen] ?? 0);
  return [delays[chosen - 1], delays[chosen + 1]].every(
    (other) => other === undefined || Math.abs(other) > 2 * delay + STAMP_SLACK_US,
  );
}

function distance(lines: readonly EngineLine[], index: number, timeUs: number): number {
  return Math.abs((lines[index]?.timeUs ?? 0) - timeUs);
}
