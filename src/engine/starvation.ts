// When builds, which run only when nobody else wants the processor, have waited too long for it. Pure.

/** `idle`: only what others leave. `lifted`: a small share of their own, since others left nothing. */
export interface Priority {
  readonly mode: 'idle' | 'lifted';
  /** How long it has been so (`lifted`), or how long they have now waited (`idle`), in ms. */
  readonly forMs: number;
  /** CPU time that they got while they waited, in ms. */
  readonly gotMs: number;
}

/** What was seen since the last look. */
export interface CpuSample {
  readonly elapsedMs: number;
  /** CPU time of all builds together. */
  readonly usedMs: number;
  /** Whether a process of theirs could run. */
  readonly isRunnable: boolean;
}

export interface StarvationTimes {
  /** Waiting that is too long. */
  readonly patienceMs: number;
  /** How long a share of their own lasts, before it is tried without. */
  readonly liftMs: number;
}

export const STARVATION_TIMES: StarvationTimes = { patienceMs: 5000, liftMs: 60_000 };

/** Less than this part of one core is nothing. */
const LEAST_SHARE = 0.1;

export const IDLE: Priority = { mode: 'idle', forMs: 0, gotMs: 0 };

/** The priority after a look. */
export function nextPriority(priority: Priority, sample: CpuSample, times: StarvationTimes): Priority {
  const forMs = priority.forMs + sample.elapsedMs;
  if (priority.mode === 'lifted') return forMs < times.liftMs ? { ...priority, forMs } : IDLE;
  if (!sample.isRunnable) return IDLE;
  const gotMs = priority.gotMs + sample.usedMs;
  if (forMs < times.patienceMs) return { mode: 'idle', forMs, gotMs };
  return gotMs < forMs * LEAST_SHARE ? { mode: 'lifted', forMs: 0, gotMs: 0 } : IDLE;
}
