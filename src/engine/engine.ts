// The way out to containers. Docker today, a Swarm later: the rest of the house sees only this contract.
// In: container specs (made by container-spec.ts, the one hardening policy). Out: what runs, found by our instance label.

import type { Readable, Writable } from 'node:stream';
import type { ContainerSpec } from './container-spec.js';

/** What a container of ours is for. */
export type ContainerRole = 'dyno' | 'release-phase' | 'one-off' | 'build' | 'image-assembly';

/** One container that carries our instance label, as the engine reports it. */
export interface Container {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  /** Its address on our dyno network; undefined when it has none. */
  readonly ip: string | undefined;
  /** Program and arguments in one line, as the engine lists it. */
  readonly command: string;
  /** Digest of its image. */
  readonly imageId: string;
  /** Epoch ms. */
  readonly createdAt: number;
}

/** Details that a list does not give. */
export interface ContainerDetails extends Container {
  /** Pid of the container's first process on the host; 0 when it does not run. */
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Epoch ms; undefined when never started (or, for finishedAt, while it runs). */
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export interface ExecOptions {
  readonly timeoutMs: number;
  /** Output beyond this is read and thrown away. */
  readonly maxOutputBytes: number;
  readonly signal: AbortSignal;
}

export interface ExecResult {
  /** Undefined when it was killed at its timeout. */
  readonly exitCode: number | undefined;
  /** Both streams as they came, the first `maxOutputBytes`. */
  readonly output: string;
}

export interface ContainerEvent {
  readonly kind: 'start' | 'die' | 'oom' | 'destroy' | 'pause';
  readonly containerId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Only with `die`. */
  readonly exitCode: number | undefined;
}

/** The open standard streams of a container. Reading must never stop: a stalled reader stops the container's output. */
export interface Attachment {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Undefined with a TTY, where both come on stdout. */
  readonly stderr: Readable | undefined;
  close(): void;
}

export interface ImageDetails {
  /** Content digest `sha256:…`: what a release points to. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly cmd: readonly string[];
  readonly entrypoint: readonly string[];
  readonly exposedPorts: readonly number[];
  readonly workingDir: string;
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** All of it throws PaasError `service_unavailable` when the engine does not answer, `not_found` for an unknown object. */
export interface Engine {
  /** Checks that the engine answers and is new enough. */
  ping(options?: { signal?: AbortSignal }): Promise<{ version: string; apiVersion: string }>;

  createContainer(spec: ContainerSpec): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** SIGTERM to the container, SIGKILL after the grace time. Fine to call on a stopped or absent one. */
  stopContainer(id: string, options: { graceMs: number }): Promise<void>;
  /** Sends a signal; nothing happens when it does not run. */
  signalContainer(id: string, signal: NodeJS.Signals): Promise<void>;
  /** Kills and removes; fine to call on an absent one. */
  removeContainer(id: string): Promise<void>;
  /** Every container of this install, in all states; with `app`, those that carry this app's id. */
  listContainers(options?: { app?: string }): Promise<Container[]>;
  inspectContainer(id: string): Promise<ContainerDetails>;
  /** Resolves when it has ended. */
  waitContainer(id: string, options: { signal: AbortSignal }): Promise<{ exitCode: number }>;
  resizeTty(id: string, size: { columns: number; rows: number }): Promise<void>;
  /** Opens the streams; call it before `startContainer` to miss nothing. */
  attach(id: string, options: { tty: boolean; stdin: boolean }): Promise<Attachment>;
  /**
   * Runs a command in a running container, as its user and with its environment. The process and its children are
   * killed at the timeout or when `signal` aborts. Throws `not_found` also when the container does not run.
   */
  runInContainer(id: string, command: readonly string[], options: ExecOptions): Promise<ExecResult>;
  /**
   * What the engine's own log file still holds: the net for the time when nobody was attached. Throws when the engine stops
   * in the middle of it.
   */
  readLogs(id: string, options: { sinceMs: number; signal: AbortSignal }): AsyncIterable<EngineLogLine>;
  /** Starts and ends of our containers from now on; ends (or throws) when the connection breaks: list again then. */
  events(options: { signal: AbortSignal }): AsyncIterable<ContainerEvent>;

  /** Unpacks a tar stream into a directory of the container (which need not run). */
  putArchive(id: string, tar: Readable, options: { path: string }): Promise<void>;
  /** A directory of the container as a tar stream. */
  getArchive(id: string, options: { path: string }): Promise<Readable>;

  /** Makes an image of the container's file system; returns its digest. */
  commitContainer(
    id: string,
    options: { tag: string; labels: Record<string, string>; cmd: string[]; workingDir: string; user: string },
  ): Promise<string>;
  /** Builds a Dockerfile with BuildKit; yields its output text, returns the image's digest. */
  buildImage(context: Readable, options: DockerfileBuild): AsyncGenerator<string, string>;
  /**
   * Pulls when the engine does not have it, and tags it `tag`; yields progress text, returns the image's digest. What was
   * pulled loses the name it was pulled by: it goes when our tag goes.
   */
  pullImage(reference: string, options: { tag: string; signal: AbortSignal }): AsyncGenerator<string, string>;
  inspectImage(reference: string): Promise<ImageDetails>;
  tagImage(id: string, tag: string): Promise<void>;
  /** Removes a tag or image; fine when it is gone or in use. */
  removeImage(reference: string): Promise<void>;
  /** Images that carry our instance label. */
  listImages(): Promise<
    {
      id: string;
      tags: readonly string[];
      labels: Readonly<Record<string, string>>;
      sizeBytes: number;
      createdAt: number;
    }[]
  >;

  /** Makes the volume if it is absent. */
  ensureVolume(name: string, labels: Record<string, string>): Promise<void>;
  removeVolume(name: string): Promise<void>;
  /** Makes the bridge network if it is absent: no traffic between its containers, its own subnet. */
  ensureNetwork(options: NetworkOptions): Promise<void>;
  /** The network's interface on the host and the IPv4 addresses of its containers (not of build steps); undefined when it is not there. */
  inspectBridge(network: string): Promise<{ bridge: string; addresses: string[] } | undefined>;
  removeNetwork(name: string): Promise<void>;

  /** About the engine itself. */
  info(): Promise<EngineInfo>;
  /** The host's directory with what a container has written; undefined when there is no such thing. */
  layerPath(id: string): Promise<string | undefined>;
  /** Volumes of this install, with the host's directory of each. */
  listVolumes(): Promise<(LabelledObject & { readonly path: string })[]>;
  /** Networks of this install. */
  listNetworks(): Promise<LabelledObject[]>;
  /** Size of BuildKit's cache, which belongs to everybody who builds on the engine. Slow: for people who ask. */
  buildCacheBytes(): Promise<number>;
}

export interface EngineInfo {
  readonly version: string;
  /** The host's directory with images, containers and volumes. */
  readonly dataRoot: string;
  /** Whether containers go on while the engine restarts. */
  readonly isLiveRestore: boolean;
  /** The engine's clock, epoch ms. */
  readonly systemTimeMs: number;
  /** How it makes control groups. */
  readonly groups: { readonly version: 1 | 2; readonly driver: 'cgroupfs' | 'systemd' };
}

/** A volume or network that carries our instance label. */
export interface LabelledObject {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Epoch ms; 0 when the engine does not tell. */
  readonly createdAt: number;
}

export interface NetworkOptions {
  readonly name: string;
  /** IPv4, such as `10.213.0.0/16`, with the bridge's own address in it. */
  readonly subnet: string;
  readonly gateway: string;
  /** The part of the subnet from which the engine itself gives addresses; the rest is for fixed ones. */
  readonly engineRange: string;
  /** No traffic between its containers. */
  readonly isolated: boolean;
}

export interface EngineLogLine {
  readonly stream: 'stdout' | 'stderr';
  /** The engine's own time stamp, RFC 3339 with nanoseconds. */
  readonly timestamp: string;
  readonly text: string;
}

export interface DockerfileBuild {
  readonly dockerfile: string;
  readonly tag: string;
  readonly labels: Record<string, string>;
  readonly buildArgs: Record<string, string>;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly signal: AbortSignal;
}
