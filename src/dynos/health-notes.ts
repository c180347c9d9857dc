// What the checks saw last of each container: for whoever asks why. Lost with the daemon, made again by the next try.

import type { Evidence } from '../platform/incidents.js';

export interface HealthNote {
  /** The check, in words. */
  readonly check: string;
  /** Goes after "it", such as `answered 500, not 200-399`. */
  readonly said: string;
  /** Without secrets. */
  readonly evidence: Evidence;
  /** Failures in a row, of how many that make it fail; undefined while the dyno starts. */
  readonly failures: { readonly count: number; readonly of: number } | undefined;
  /** Epoch ms. */
  readonly at: number;
}

export interface HealthNotes {
  get(containerId: string): HealthNote | undefined;
  note(containerId: string, note: HealthNote): void;
  /** All is well with it, or it is gone. */
  clear(containerId: string): void;
  keepOnly(containerIds: ReadonlySet<string>): void;
}

export function createHealthNotes(): HealthNotes {
  const notes = new Map<string, HealthNote>();
  return {
    get: (containerId) => notes.get(containerId),
    note: (containerId, note) => void notes.set(containerId, note),
    clear: (containerId) => void notes.delete(containerId),
    keepOnly(containerIds) {
      for (const id of notes.keys()) if (!containerIds.has(id)) notes.delete(id);
    },
  };
}
