// The one place that says how a container of ours looks. Pure: a spec is a value, docker.ts carries it out.

import type { ContainerRole } from './engine.js';

/** Names of the labels that every object of ours carries. A container is recognised by these, never by a hash. */
export const LABEL = {
  /** Random id of this install: what does not carry it is not ours. */
  instance: 'paas.instance',
  role: 'paas.role',
  app: 'paas.app',
  appName: 'paas.app-name',
  /** Release version, a number. */
  release: 'paas.release',
  /** Process type (`web`), and number: together the dyno name `web.1`. */
  type: 'paas.type',
  number: 'paas.number',
  /** Id of the build that the container works for. */
  build: 'paas.build',
  /** Wall-clock ms of creation, for restart wishes. */
  startedFor: 'paas.wish',
} as const;

/** A container as the engine is asked for it. */
export interface ContainerSpec {
  readonly name: string;
  readonly role: ContainerRole;
  readonly image: string;
  /** Program and arguments; the image's own when undefined. */
  readonly command: readonly string[] | undefined;
  readonly entrypoint: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string | undefined;
  readonly workingDir: string | undefined;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly memoryBytes: number;
  /** Relative weight (engine default 1024), so that builds and one-offs yield to dynos. */
  readonly cpuShares: number;
  /** Hard limit in cores; undefined for none. */
  readonly cpus: number | undefined;
  readonly pidsLimit: number;
  readonly oomScoreAdj: number;
  readonly mounts: readonly Mount[];
  readonly network: { readonly name: string; readonly ip: string | undefined } | undefined;
  readonly stopGraceSeconds: number;
}

export type Mount =
  | { readonly kind: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'volume'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number };
