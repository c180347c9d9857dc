// What this room and the API need of the build room: source in, release out.

import type { BuildId } from '../ids.js';
import type { Account } from '../platform/accounts.js';
import type { App } from '../platform/apps.js';
import type { Release } from '../platform/releases.js';

/** Where the code of a deploy comes from. */
export type Source =
  | {
      readonly kind: 'git';
      readonly repositoryPath: string;
      readonly commit: string;
      /** `GIT_*` variables with which git finds objects of a push that is not accepted yet. */
      readonly objectEnv: Readonly<Record<string, string>>;
    }
  /** A tar.gz on disk, not checked yet. */
  | { readonly kind: 'archive'; readonly path: string; readonly version?: string }
  | { readonly kind: 'image'; readonly reference: string };

/** Starts deploys and finds those that run. */
export interface Deploys {
  /** Queues a deploy; it has a build id at once. */
  start(request: { app: App; by: Account; source: Source; description?: string }): RunningDeploy;
  /** Undefined once it has ended. */
  find(buildId: BuildId): RunningDeploy | undefined;
  /** What a build printed, from its start; ends with it. */
  readOutput(buildId: BuildId): AsyncIterable<string>;
}

export interface RunningDeploy {
  readonly buildId: BuildId;
  /** Chunks of text, from the start. */
  output(): AsyncIterable<string>;
  readonly done: Promise<DeployOutcome>;
  cancel(reason: string): Promise<void>;
}

export type DeployOutcome =
  | { readonly kind: 'released'; readonly release: Release }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'canceled' };
