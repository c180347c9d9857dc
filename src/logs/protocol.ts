// What the daemon and the log collector say to each other: HTTP/1.1 over a unix socket. Log lines travel as runs
// (runs.ts), everything else as JSON. Both ends are of the same build: a daemon replaces the collector of another one.

import type { CollectedContainer } from './container-output.js';
import type { LogFilter, NewLogLine } from './line.js';
import type { TailQuery } from './tail.js';

/** POST /attach */
export type AttachRequest = CollectedContainer;

/** POST /lines. A batch that was taken already (same client and number) is not taken again. */
export interface WriteRequest {
  readonly client: string;
  readonly number: number;
  readonly lines: readonly NewLogLine[];
  /** Lines that the client had to drop before these. */
  readonly dropped: readonly { readonly appId: string; readonly count: number }[];
}

/** POST /read; answers runs. */
export interface ReadRequest extends LogFilter {
  readonly appId: string;
  readonly lines: number;
  readonly beforeSeq?: number;
}

/** POST /tail; answers runs, `!dropped` and `!idle` frames without end. */
export type TailRequest = TailQuery;

/** POST /forget */
export interface ForgetRequest {
  readonly appId: string;
}

/** GET /health */
export interface HealthReply {
  readonly pid: number;
  /** Of the code and the settings that the collector runs with. */
  readonly stamp: string;
}

/** GET /stats: counts since the start of the collector. */
export interface CollectorStats {
  /** All lines taken: stored, not stored, and those that wait. */
  readonly lines: number;
  readonly stored: number;
  readonly unstored: number;
}

/** A silent tail sends `!idle` this often. */
export const IDLE_MS = 10_000;
