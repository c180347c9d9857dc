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
  /** How many restarts of the dyno had been asked for when it was made. */
  restarts: 'paas.restarts',
  /** Memory limit in bytes, so that a change of size replaces a dyno. */
  memory: 'paas.memory',
  /** On an image that only holds what buildpacks vendored: the digest of that. */
  vendor: 'paas.vendor',
  /** `yes` on a one-off whose streams belong to a client: it ends with it. */
  attached: 'paas.attached',
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
  /** Runs only when nobody else wants the processor, where the host can do that. */
  readonly yields: boolean;
  readonly pidsLimit: number;
  readonly oomScoreAdj: number;
  readonly mounts: readonly Mount[];
  readonly network: { readonly name: string; readonly ip: string | undefined } | undefined;
  readonly stopGraceSeconds: number;
}

export type Mount =
  | { readonly kind: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'volume'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | {
      readonly kind: 'tmpfs';
      readonly target: string;
      readonly sizeBytes: number;
      /** Secrets are for the container's user only and no programs; `/tmp` is for all that runs in it. */
      readonly holds: 'secrets' | 'temporary files';
    };

/** Temporary files of what runs a release: in memory (and counted there), gone with the container. */
const TEMPORARY: Mount = {
  kind: 'tmpfs',
  target: '/tmp',
  sizeBytes: 256 * 1024 * 1024,
  holds: 'temporary files',
};

/** Numeric user and group `app` of the stack images: what runs in a container of ours is never root. */
const APP_USER = '20000:20000';

/** Processes that a build may have at once: compilers start many. */
export const BUILD_PIDS = 1024;

/** What every kind of container tells about itself and is given. */
export interface ContainerRequest {
  readonly instance: string;
  readonly app: { readonly id: string; readonly name: string };
  /** Makes the container's name unique, 12 hex digits. */
  readonly suffix: string;
  readonly image: string;
}

/** What dynos, one-offs and the release phase have in common: they run a release. */
export interface ReleaseContainerRequest extends ContainerRequest {
  readonly release: number;
  readonly type: string;
  readonly number: number;
  /** `user` of the image's own configuration: kept unless it is root or empty. */
  readonly imageUser: string;
  readonly command: readonly string[] | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  readonly pidsLimit: number;
  readonly network: { readonly name: string; readonly ip: string | undefined };
}

/** A dyno of the formation. `restarts` is compared with those that are asked for later. */
export function dynoSpec(
  request: ReleaseContainerRequest & { readonly restarts: number; readonly cpuShares?: number },
): ContainerSpec {
  return {
    ...releaseContainer(request, 'dyno'),
    labels: labelsOf(request, 'dyno', {
      ...releaseLabels(request),
      [LABEL.restarts]: String(request.restarts),
    }),
    cpuShares: request.cpuShares ?? 1024,
  };
}

/** The command of process type `release`, run once before the new release goes live. */
export function releasePhaseSpec(request: ReleaseContainerRequest): ContainerSpec {
  return {
    ...releaseContainer(request, 'release-phase'),
    labels: labelsOf(request, 'release-phase', releaseLabels(request)),
    cpuShares: 512,
  };
}

/** A one-off dyno (`paas run`). */
export function oneOffSpec(
  request: ReleaseContainerRequest & {
    readonly tty: boolean;
    readonly openStdin: boolean;
    readonly attached: boolean;
  },
): ContainerSpec {
  return {
    ...releaseContainer(request, 'one-off'),
    labels: labelsOf(request, 'one-off', {
      ...releaseLabels(request),
      [LABEL.attached]: request.attached ? 'yes' : 'no',
    }),
    cpuShares: 512,
    tty: request.tty,
    openStdin: request.openStdin,
  };
}

/** The container that runs buildpacks. Its standard input carries the config vars, so that no `inspect` shows them. */
export function buildSpec(
  request: ContainerRequest & {
    readonly buildId: string;
    readonly command: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly memoryBytes: number;
    readonly mounts: readonly Mount[];
    readonly network: string | undefined;
  },
): ContainerSpec {
  return {
    ...hardened(request, 'build'),
    entrypoint: [...request.command],
    env: request.env,
    labels: labelsOf(request, 'build', { [LABEL.build]: request.buildId }),
    workingDir: '/app',
    openStdin: true,
    memoryBytes: request.memoryBytes,
    // A sixteenth of a dyno: while an app wants the processor, a build waits.
    cpuShares: 64,
    cpus: 1.5,
    yields: true,
    pidsLimit: BUILD_PIDS,
    oomScoreAdj: 500,
    mounts: request.mounts,
    network: request.network === undefined ? undefined : { name: request.network, ip: undefined },
    stopGraceSeconds: 10,
  };
}

/** A container that never runs: files are unpacked into it and it becomes the app's image. */
export function imageAssemblySpec(request: ContainerRequest & { readonly buildId: string }): ContainerSpec {
  return {
    ...hardened(request, 'image-assembly'),
    command: ['/bin/true'],
    labels: labelsOf(request, 'image-assembly', { [LABEL.build]: request.buildId }),
    stopGraceSeconds: 1,
  };
}

/** Name of the volume that keeps an app's downloads and intermediate results between builds. */
export function cacheVolumeName(instance: string, appId: string): string {
  return `paas-cache-${instance}-${appId}`;
}

/** The user to run an image's processes as; undefined leaves the image's own, which is then not root. */
export function userFor(imageUser: string): string | undefined {
  const name = imageUser.split(':')[0] ?? '';
  return name === '' || name === 'root' || /^0+$/.test(name) ? APP_USER : undefined;
}

function releaseContainer(request: ReleaseContainerRequest, role: ContainerRole): ContainerSpec {
  return {
    ...hardened(request, role),
    name: `paas-${request.app.name}-${request.type}.${request.number}-${request.suffix}`,
    command: request.command,
    entrypoint: request.entrypoint,
    env: request.env,
    user: userFor(request.imageUser),
    memoryBytes: request.memoryBytes,
    pidsLimit: request.pidsLimit,
    mounts: [TEMPORARY],
    network: request.network,
  };
}

function releaseLabels(request: ReleaseContainerRequest): Record<string, string> {
  return {
    [LABEL.release]: String(request.release),
    [LABEL.type]: request.type,
    [LABEL.number]: String(request.number),
    [LABEL.memory]: String(request.memoryBytes),
  };
}

/** The least that any container gets; each kind adds what it needs. */
function hardened(request: ContainerRequest, role: ContainerRole): ContainerSpec {
  return {
    name: `paas-${request.app.name}-${role}-${request.suffix}`,
    role,
    image: request.image,
    command: undefined,
    entrypoint: undefined,
    env: {},
    labels: labelsOf(request, role, {}),
    user: APP_USER,
    workingDir: undefined,
    tty: false,
    openStdin: false,
    memoryBytes: 512 * 1024 * 1024,
    cpuShares: 1024,
    cpus: undefined,
    yields: false,
    pidsLimit: 256,
    oomScoreAdj: 300,
    mounts: [],
    network: undefined,
    stopGraceSeconds: 30,
  };
}

/** All labels of ours, the ones without a value empty: an image's own `LABEL paas.…` is never taken for ours. */
function labelsOf(
  request: ContainerRequest,
  role: ContainerRole,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const blank = Object.fromEntries(Object.values(LABEL).map((name) => [name, '']));
  return {
    ...blank,
    [LABEL.instance]: request.instance,
    [LABEL.role]: role,
    [LABEL.app]: request.app.id,
    [LABEL.appName]: request.app.name,
    ...more,
  };
}
