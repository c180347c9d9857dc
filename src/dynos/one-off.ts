// One-off dynos (`paas run`): a process of the current release, with the streams of whoever started it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import { LABEL, oneOffSpec } from '../engine/container-spec.js';
import type { Attachment, Container, Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import type { App } from '../platform/apps.js';
import { currentRelease, releaseIdOf } from '../platform/releases.js';
import { DEFAULT_SIZE, parseSize } from '../platform/sizes.js';
import { type CreateContainerDeps, createContainer } from './create-container.js';
import { type Dyno, dynoName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import { insist } from './insist.js';
import { describeMemoryEnd, memoryCause } from './out-of-memory.js';
import type { SeenContainers } from './seen-containers.js';

export interface OneOffRequest {
  readonly app: App;
  /** A string goes through the shell, a list is program and arguments. */
  readonly command: string | readonly string[];
  /** Added to the config vars of the release. */
  readonly env: Readonly<Record<string, string>>;
  readonly tty: boolean;
  readonly size?: string | undefined;
  /** Whether a client gets its streams; it ends with the client then. */
  readonly attach: boolean;
}

/** A one-off dyno that exists; `start` begins it, so that nothing it prints is missed. */
export interface OneOff {
  readonly dyno: Dyno;
  /** Undefined for a detached one, whose output is in the log. */
  readonly attachment: Attachment | undefined;
  start(): Promise<void>;
  resize(size: { columns: number; rows: number }): Promise<void>;
  signal(name: NodeJS.Signals): Promise<void>;
  /** Resolves when it has ended and its container is gone; call it after `start`. Throws when the engine takes its streams. */
  wait(): Promise<{ exitCode: number }>;
  /** SIGHUP, then SIGKILL after some seconds: its client is gone. */
  stop(): Promise<void>;
}

export interface OneOffs {
  /** Creates a one-off dyno. Throws `invalid_params` when no code was deployed, `rate_limit` when too many run. */
  create(request: OneOffRequest): Promise<OneOff>;
  /** As the engine tells, or as they were last seen while it is away. */
  list(app: App): Promise<Dyno[]>;
  /** Kills one by its name (`run.1234`). Throws `not_found`. */
  kill(app: App, name: string): Promise<void>;
  /** At start of the daemon: ends those whose client was connected to an earlier one, removes those that ended. */
  adopt(): Promise<void>;
}

export interface OneOffDeps {
  readonly db: Database;
  readonly engine: Engine;
  readonly seen: Pick<SeenContainers, 'oneOffsOf'>;
  readonly dynoLog: DynoLog;
  readonly log: Logger;
  readonly settings: CreateContainerDeps['settings'];
  readonly newSuffix: () => string;
  readonly newRunNumber: () => number;
  readonly signal: AbortSignal;
}

const MAX_PER_APP = 20;
const HANG_UP_GRACE_MS = 5000;

export function createOneOffs(deps: OneOffDeps): OneOffs {
  const { engine } = deps;

  async function containersOf(app: App): Promise<Container[]> {
    const containers = await engine.listContainers();
    return containers.filter(
      ({ labels }) => labels[LABEL.role] === 'one-off' && labels[LABEL.app] === app.id,
    );
  }

  /** Numbers of those that are being made, by app, in the order in which they were asked for. */
  const beingMade = new Map<string, Set<number>>();

  /** How many there are before this one: one that was asked for earlier counts as soon as that, and once. */
  async function countBefore(app: App, number: number): Promise<number> {
    const asked = [...(beingMade.get(app.id) ?? [])];
    const earlier = asked.slice(0, asked.indexOf(number));
    const there = (await containersOf(app)).map(({ labels }) => Number(labels[LABEL.number]));
    return new Set([...earlier, ...there]).size;
  }

  async function create(request: OneOffRequest): Promise<OneOff> {
    const { id } = request.app;
    const asked = beingMade.get(id) ?? new Set();
    beingMade.set(id, asked);
    let number = deps.newRunNumber();
    while (asked.has(number)) number = deps.newRunNumber();
    asked.add(number);
    try {
      return await createOneOff(deps, { ...request, number }, () => countBefore(request.app, number));
    } finally {
      asked.delete(number);
      if (asked.size === 0) beingMade.delete(id);
    }
  }

  return {
    create,
    list: async (app) => (await deps.seen.oneOffsOf(app.id)).map((one) => present(deps, app, one)),
    async kill(app, name) {
      const container = (await containersOf(app)).find(({ labels }) => nameOf(labels) === name);
      if (container === undefined) {
        throw new PaasError('not_found', `Couldn't find the dyno ${name} of ${app.name}.`, {
          hint: `See its dynos with: paas ps -a ${app.name}`,
        });
      }
      await engine.stopContainer(container.id, { graceMs: HANG_UP_GRACE_MS });
      // One that waits for its start would go on to it.
      if (container.state === 'created') await engine.removeContainer(container.id);
    },
    async adopt() {
      for (const container of await engine.listContainers()) {
        if (container.labels[LABEL.role] !== 'one-off') continue;
        const isAttached = container.labels[LABEL.attached] === 'yes';
        if (isAttached || container.state !== 'running') discard(deps, container.id);
        else {
          const { id: containerId, labels } = container;
          removeAtEnd(deps, { containerId, appId: labels[LABEL.app] ?? '', name: nameOf(labels) });
        }
      }
    },
  };
}

/** Nobody waits for what is left of an earlier daemon. */
function discard(deps: OneOffDeps, containerId: string): void {
  insist(() => deps.engine.removeContainer(containerId), deps.signal).catch((error: unknown) => {
    if (!deps.signal.aborted) deps.log.warn({ err: error, containerId }, 'a one-off dyno was not removed');
  });
}

async function createOneOff(
  deps: OneOffDeps,
  request: OneOffRequest & { readonly number: number },
  countBefore: () => Promise<number>,
): Promise<OneOff> {
  const { app, number } = request;
  const release = currentRelease(deps.db, app.id);
  if (release?.image === undefined) {
    throw new PaasError('invalid_params', `${app.name} has no code to run yet.`, {
      hint: 'Deploy first: git push paas main',
    });
  }
  if ((await countBefore()) >= MAX_PER_APP) {
    throw new PaasError('rate_limit', `${app.name} has ${MAX_PER_APP} one-off dynos already.`, {
      hint: `End some of them; see: paas ps -a ${app.name}`,
      retryAfterSeconds: 30,
    });
  }
  const { size, memoryBytes } = parseSize(request.size ?? DEFAULT_SIZE);
  const { containerId, command } = await createContainer(
    deps,
    {
      app,
      release,
      type: 'run',
      number,
      command: request.command,
      env: request.env,
      hasPort: true,
      memoryBytes,
    },
    (spec) => oneOffSpec({ ...spec, tty: request.tty, openStdin: request.attach, attached: request.attach }),
  );
  const dyno: Dyno = {
    name: dynoName({ type: 'run', number }),
    type: 'run',
    number,
    state: 'starting',
    releaseVersion: release.version,
    releaseId: release.id,
    command,
    size,
    updatedAt: deps.db.now(),
    containerId,
    ip: undefined,
  };
  try {
    return await openOneOff(deps, { app, dyno, containerId, request });
  } catch (error) {
    await deps.engine.removeContainer(containerId).catch((failure: unknown) => {
      deps.log.warn({ err: failure, containerId }, 'a one-off dyno that could not be opened was not removed');
    });
    throw error;
  }
}

async function openOneOff(
  deps: OneOffDeps,
  options: { app: App; dyno: Dyno; containerId: string; request: OneOffRequest },
): Promise<OneOff> {
  const { app, dyno, containerId, request } = options;
  const { engine, dynoLog } = deps;
  // The client of an attached one gets its output; a detached one has only the log.
  const attachment = request.attach
    ? await engine.attach(containerId, { tty: request.tty, stdin: true })
    : undefined;
  if (!request.attach) {
    await dynoLog.attach({ containerId, appId: app.id, process: dyno.name, tty: request.tty });
  }
  return {
    dyno,
    attachment,
    async start() {
      dynoLog.platform(app.id, dyno.name, `Starting process with command \`${dyno.command}\``);
      await engine.startContainer(containerId);
      dynoLog.platform(app.id, dyno.name, 'State changed from starting to up');
      if (!request.attach) removeAtEnd(deps, { containerId, appId: app.id, name: dyno.name });
    },
    resize: (size) => engine.resizeTty(containerId, size),
    signal: (signal) => engine.signalContainer(containerId, signal),
    wait: () => waitAndRemove(deps, { containerId, appId: app.id, name: dyno.name }, wait(deps, containerId)),
    async stop() {
      await insist(() => engine.signalContainer(containerId, 'SIGHUP'), deps.signal);
      await insist(() => engine.stopContainer(containerId, { graceMs: HANG_UP_GRACE_MS }), deps.signal);
      await insist(() => engine.removeContainer(containerId), deps.signal);
    },
  };
}

interface Followed {
  readonly containerId: string;
  readonly appId: string;
  readonly name: string;
}

function wait({ engine, signal }: OneOffDeps, containerId: string): Promise<{ exitCode: number }> {
  return engine.waitContainer(containerId, { signal });
}

async function waitAndRemove(
  deps: OneOffDeps,
  { containerId, appId, name }: Followed,
  ended: Promise<{ exitCode: number }>,
): Promise<{ exitCode: number }> {
  const { exitCode } = await ended;
  const memory = await memoryEnd(deps, containerId);
  if (memory !== undefined) deps.dynoLog.platform(appId, name, memory);
  deps.dynoLog.platform(appId, name, `Process exited with status ${exitCode}`);
  deps.dynoLog.platform(appId, name, 'State changed from up to complete');
  // The engine delivers the last output after the end; removal would cut it off.
  await sleep(LAST_OUTPUT_MS, undefined, { signal: deps.signal }).catch(() => undefined);
  await insist(() => deps.engine.removeContainer(containerId), deps.signal);
  return { exitCode };
}

/** One sentence when it ended at its memory limit. */
async function memoryEnd({ engine, log }: OneOffDeps, containerId: string): Promise<string | undefined> {
  try {
    const details = await engine.inspectContainer(containerId);
    const cause = memoryCause(details, undefined);
    return cause && describeMemoryEnd(cause, Number(details.labels[LABEL.memory]));
  } catch (error) {
    // Its exit status is still to be told.
    log.debug({ err: error, containerId }, 'a one-off dyno that ended could not be looked at');
    return undefined;
  }
}

const LAST_OUTPUT_MS = 50;

/** Follows one without a client to its end, over restarts of the engine. */
function removeAtEnd(deps: OneOffDeps, followed: Followed): void {
  const ended = insist(() => wait(deps, followed.containerId), deps.signal);
  waitAndRemove(deps, followed, ended).catch((error: unknown) => {
    if (!deps.signal.aborted)
      deps.log.warn({ err: error }, 'a one-off dyno could not be followed to its end');
  });
}

function nameOf(labels: Readonly<Record<string, string>>): string {
  return `${labels[LABEL.type]}.${labels[LABEL.number]}`;
}

function present(deps: OneOffDeps, app: App, container: Container): Dyno {
  const { labels } = container;
  const version = Number(labels[LABEL.release]);
  return {
    name: nameOf(labels),
    type: labels[LABEL.type] ?? 'run',
    number: Number(labels[LABEL.number]),
    state: container.state === 'running' ? 'up' : container.state === 'created' ? 'starting' : 'down',
    releaseVersion: version,
    releaseId: releaseIdOf(deps.db, { appId: app.id, version }),
    command: container.command,
    size: `${Math.round(Number(labels[LABEL.memory]) / 1024 ** 2)}M`,
    updatedAt: container.createdAt,
    containerId: container.id,
    ip: container.ip,
  };
}
