// Watches how late the daemon's own timers are: everything it does runs on one thread, so that one slow step (a disk that
// takes half a second to sync, a long computation) holds up the API, health checks and routing together.
// In: the clock, every 100 ms. Out: a warning in the daemon's log, once an episode, and a finding of `paas doctor`.

import { createHistogram } from 'node:perf_hooks';
import type { Logger } from '../log.js';
import type { Finding } from './doctor.js';

/** Of the last minute, in ms. */
export interface LoopLag {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What the daemon was at when it was held up. */
export interface LoopWork {
  /** Names of apps that are built. */
  readonly builds: readonly string[];
  /** Duration of the last pass over all apps. */
  readonly passMs: number | undefined;
}

/** How late timers were, in seconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoopWatch {
  lag(): LoopLag;
  /** Of all looks since this was last called, or since the start. */
  takeDelay(): LoopDelay;
  finding(): Finding;
  stop(): void;
}

export interface LoopWatchOptions {
  readonly work: () => LoopWork;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  /** In ms. */
  readonly timing?: {
    /** Between looks. */
    readonly tickMs: number;
    /** How far they are remembered. */
    readonly windowMs: number;
    /** A daemon that starts does much at once: what is seen this soon after the start is no alarm, and forgotten. */
    readonly startUpMs: number;
    /** From which lateness on it is an alarm. */
    readonly limits: LoopLag;
  };
}

const TIMING = {
  tickMs: 100,
  windowMs: 60_000,
  startUpMs: 15_000,
  limits: { p99Ms: 100, maxMs: 300 },
};

/** Begins at once; until `stop`. Does not keep the process alive. */
export function watchEventLoop({ work, log, timing = TIMING }: LoopWatchOptions): LoopWatch {
  const { tickMs, windowMs, startUpMs, limits } = timing;
  /** How late the timer was each time; the window's worth. */
  const late: number[] = [];
  const size = Math.ceil(windowMs / tickMs);
  const untaken = createHistogram();
  let episode: { worstMs: number } | undefined;
  let dueAt = performance.now() + tickMs;
  const isStartedAt = performance.now() + startUpMs;
  let usage = process.cpuUsage();
  let timer = setTimeout(tick, tickMs).unref();

  function tick(): void {
    const lateMs = Math.max(0, performance.now() - dueAt);
    untaken.record(Math.max(1, Math.round(lateMs * 1e6)));
    const before = usage;
    usage = process.cpuUsage();
    const cpuMs = (usage.user + usage.system - before.user - before.system) / 1000;
    if (dueAt < isStartedAt) tellStart(lateMs, cpuMs);
    else {
      late.push(lateMs);
      if (late.length > size) late.shift();
      judge(lateMs, cpuMs);
    }
    dueAt = performance.now() + tickMs;
    timer = setTimeout(tick, tickMs).unref();
  }

  function tellStart(lateMs: number, cpuMs: number): void {
    if (lateMs <= limits.maxMs) return;
    const text = `while the daemon started, the event loop was held up for ${causeText(lateMs, cpuMs)}`;
    log.info(roundAll({ lateMs, cpuMs }), text);
  }

  function judge(lateMs: number, cpuMs: number): void {
    // Sorting a minute's worth each time would be a load of its own.
    if (lateMs <= limits.p99Ms && (episode === undefined || late.some((ms) => ms > limits.p99Ms))) return;
    const lag = lagOf(late);
    if (!isLate(lag, limits)) {
      if (episode !== undefined) log.info(episode, 'the event loop is on time again');
      episode = undefined;
      return;
    }
    const isNew = episode === undefined;
    episode = { worstMs: Math.max(episode?.worstMs ?? 0, Math.round(lateMs)) };
    if (!isNew) return;
    const fields = { lateMs, cpuMs, p99Ms: lag.p99Ms };
    log.warn(
      { ...roundAll(fields), ...workIfKnown() },
      `the event loop was held up for ${causeText(lateMs, cpuMs)}`,
    );
  }

  // Nobody catches what a timer throws, and what holds the loop up may keep this from being told.
  function workIfKnown(): Partial<LoopWork> {
    try {
      return work();
    } catch (error) {
      log.warn({ err: error }, 'what the daemon was at is not known');
      return {};
    }
  }

  return {
    lag: () => lagOf(late),
    takeDelay() {
      const [p50, p99, max] = [untaken.percentile(50), untaken.percentile(99), untaken.max];
      untaken.reset();
      return { p50: p50 / 1e9, p99: p99 / 1e9, max: max / 1e9 };
    },
    finding: () =>
      late.length === 0
        ? { check: 'event loop', status: 'ok', detail: 'the daemon has just started' }
        : lagFinding(lagOf(late), limits, work()),
    stop: () => clearTimeout(timer),
  };
}

/** The 99th percentile and the largest; 0 of none. Pure. */
export function lagOf(late: readonly number[]): LoopLag {
  const sorted = [...late].sort((a, b) => a - b);
  const p99 = sorted[Math.max(0, Math.ceil(sorted.length * 0.99) - 1)];
  return { p99Ms: p99 ?? 0, maxMs: sorted.at(-1) ?? 0 };
}

/** What `paas doctor` says of it. Pure. */
export function lagFinding(lag: LoopLag, limits: LoopLag, { builds, passMs }: LoopWork): Finding {
  const figures = `in the last minute at most ${formatMs(lag.maxMs)} late, p99 ${formatMs(lag.p99Ms)}`;
  if (!isLate(lag, limits)) return { check: 'event loop', status: 'ok', detail: figures };
  const pass = passMs === undefined ? '' : `, last pass of the loop ${formatMs(passMs)}`;
  const building = builds.length === 0 ? 'no build runs' : `builds of ${builds.join(', ')} run`;
  return {
    check: 'event loop',
    status: 'warn',
    detail: `${figures}: the API and health checks wait; ${building}${pass}`,
    hint: 'A slow disk, or too little processor time? DATA_DIR/log/paasd.log says which: the event loop was held up',
  };
}

function isLate(lag: LoopLag, limits: LoopLag): boolean {
  return lag.maxMs > limits.maxMs || lag.p99Ms > limits.p99Ms;
}

/** A process that waits for a disk, or for its turn, uses no processor time. */
function causeText(lateMs: number, cpuMs: number): string {
  const own = formatMs(Math.min(cpuMs, lateMs));
  return `${formatMs(lateMs)}: ${own} of that the daemon computed, the rest it waited for the disk or a processor`;
}

function roundAll<Fields extends Record<string, number>>(fields: Fields): Record<string, number> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Math.round(value)]));
}

/** `35 ms`, `2.1 s`. */
function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
