// What the collector needs of the container engine.

import type { Readable } from 'node:stream';
import type { StreamName } from './engine-file.js';

export type ContainerState = 'created' | 'running' | 'ended' | 'gone';

/** The calls for the output of containers. Each throws when the engine is away. */
export interface OutputEngine {
  attach(
    id: string,
    options: { tty: boolean; stdin: boolean },
  ): Promise<{ stdout: Readable; stderr: Readable | undefined; close(): void }>;
  readLogs(
    id: string,
    options: { sinceMs: number; signal: AbortSignal },
  ): AsyncIterable<{ stream: StreamName; timestamp: string; text: string }>;
  /** `gone` when the engine does not know it. */
  containerState(id: string): Promise<ContainerState>;
}
