// Containers on Docker: life, streams, archives, events.

import type { Duplex, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import { type callLimitMs, piecesInTime } from './bounded-calls.js';
import type { BuildCpu } from './build-cpu.js';
import { createRowReader, toContainer, toDetails, toEvent, toLogLine } from './container-rows.js';
import { LABEL } from './container-spec.js';
import { demultiplex, FrameSplitter } from './demultiplex.js';
import { call } from './docker-call.js';
import { dialStream, readJsonLines } from './docker-calls.js';
import { EngineFailedError, engineError, hasStatus } from './docker-errors.js';
import { execInContainer } from './docker-exec.js';
import { toDockerOptions } from './docker-options.js';
import type { Attachment, ContainerEvent, Engine, EngineLogLine } from './engine.js';
import { endStrays } from './stray-processes.js';

type ContainerCalls = Pick<
  Engine,
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'signalContainer'
  | 'removeContainer'
  | 'listContainers'
  | 'inspectContainer'
  | 'waitContainer'
  | 'resizeTty'
  | 'attach'
  | 'runInContainer'
  | 'readLogs'
  | 'events'
  | 'putArchive'
  | 'getArchive'
>;

const REMOVAL_LOOK_MS = 50;
/** Whoever insists asks again; one that hangs must not hold up a start of the daemon. */
const REMOVAL_MS = 10_000;

/** The part of the Engine that is about containers. */
export function createContainerCalls(options: {
  docker: Docker;
  instance: string;
  maxOpenFiles: number;
  buildCpu: BuildCpu | undefined;
  log: Logger;
  limitOf: typeof callLimitMs;
}): ContainerCalls {
  const { docker, instance, log, limitOf } = options;
  const readAll = createRowReader();
  return {
    ...lifeCalls(options),
    ...streamCalls(docker, limitOf),
    runInContainer: (id, command, execOptions) => execInContainer(docker, id, { ...execOptions, command }),
    events: ({ signal }) => events(docker, instance, signal),
    async listContainers({ app } = {}) {
      const ofApp = app === undefined ? [] : [`${LABEL.app}=${app}`];
      const filters = JSON.stringify({ label: [`${LABEL.instance}=${instance}`, ...ofApp] });
      const rows = await call('the containers', docker.listContainers({ all: true, filters }));
      log.trace({ count: rows.length }, 'containers listed');
      return app === undefined ? readAll(rows) : rows.map(toContainer);
    },
    inspectContainer: async (id) =>
      toDetails(await call(`container ${id}`, docker.getContainer(id).inspect())),
  };
}

function lifeCalls({
  docker,
  instance,
  maxOpenFiles,
  buildCpu,
  log,
}: {
  docker: Docker;
  instance: string;
  maxOpenFiles: number;
  buildCpu: BuildCpu | undefined;
  log: Logger;
}): Pick<
  ContainerCalls,
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'signalContainer'
  | 'removeContainer'
  | 'waitContainer'
  | 'resizeTty'
> {
  return {
    async createContainer(spec) {
      if (spec.labels[LABEL.instance] !== instance) throw new Error('the spec is of another instance');
      const yieldingGroup = spec.yields ? await buildCpu?.containerParent() : undefined;
      const created = docker.createContainer(toDockerOptions(spec, { maxOpenFiles, yieldingGroup }));
      const { id } = await created.catch((error: unknown) => {
        // What it does not find is never the container.
        throw engineError(error, hasStatus(error, 404) ? `image ${spec.image}` : `container ${spec.name}`);
      });
      return id;
    },
    async startContainer(id) {
      // 304: it runs already.
      await call(`container ${id}`, docker.getContainer(id).start(), 304);
    },
    async stopContainer(id, { graceMs }) {
      const t = Math.ceil(graceMs / 1000);
      await call(`container ${id}`, docker.getContainer(id).stop({ t }), 304, 404);
    },
    async signalContainer(id, signal) {
      await call(`container ${id}`, docker.getContainer(id).kill({ signal }), 404, 409);
    },
    async removeContainer(id) {
      const found = await call(`container ${id}`, docker.getContainer(id).inspect(), 404);
      if (found === undefined) return;
      if (found.Config.Labels[LABEL.instance] !== instance) {
        throw new PaasError('forbidden', `Container ${id} does not belong to this install.`);
      }
      if (!found.State.Running) {
        const ended = endStrays(found.Id, found.State.Status);
        if (ended > 0)
          log.warn({ container: found.Id, processes: ended }, 'ended what the engine had forgotten');
      }
      const removed = docker.getContainer(found.Id).remove({ force: true, v: true });
      await removed.catch(async (error: unknown) => {
        if (hasStatus(error, 404)) return;
        if (!hasStatus(error, 409)) throw engineError(error, `container ${id}`);
        await removedByAnother(docker, found.Id);
      });
    },
    async waitContainer(id, { signal }) {
      return await call(`container ${id}`, readExitCode(docker, id, signal), signal);
    },
    async resizeTty(id, { columns, rows }) {
      // 409 and 500: it has ended.
      await call(`container ${id}`, docker.getContainer(id).resize({ w: columns, h: rows }), 409, 500);
    },
  };
}

/** Its removal is under way already. Until that has ended the engine's lists show it, as one that has ended by itself. */
async function removedByAnother(docker: Docker, id: string): Promise<void> {
  const deadline = performance.now() + REMOVAL_MS;
  while ((await call(`container ${id}`, docker.getContainer(id).inspect(), 404)) !== undefined) {
    if (performance.now() > deadline)
      throw new EngineFailedError('service_unavailable', `Container ${id} is being removed still.`);
    await sleep(REMOVAL_LOOK_MS);
  }
}

function streamCalls(
  docker: Docker,
  limitOf: typeof callLimitMs,
): Pick<ContainerCalls, 'attach' | 'readLogs' | 'putArchive' | 'getArchive'> {
  return {
    attach: (id, options) => attach(docker, id, options),
    readLogs: (id, options) => readLogs(docker, id, { ...options, limitOf }),
    async putArchive(id, tar, { path }) {
      // dockerode answers only when the engine does, so a broken source has to end the wait by itself.
      const broken = new Promise<never>((_, reject) => tar.once('error', reject));
      const sent = call(`container ${id}`, docker.getContainer(id).putArchive(tar, { path }));
      sent.catch(() => tar.destroy());
      await Promise.race([sent, broken]);
    },
    async getArchive(id, { path }) {
      const stream = await call(`${path} of container ${id}`, docker.getContainer(id).getArchive({ path }));
      // The modem hands over the HTTP answer, which is a Readable.
      return stream as Readable;
    },
  };
}

async function attach(
  docker: Docker,
  id: string,
  options: { tty: boolean; stdin: boolean },
): Promise<Attachment> {
  const socket: Duplex = await call(
    `container ${id}`,
    // Hijacked even without stdin: only the raw socket can be half closed, which ends stdin and keeps the output.
    docker.getContainer(id).attach({
      stream: true,
      stdin: options.stdin,
      stdout: true,
      stderr: true,
      hijack: true,
    }) as Promise<Duplex>,
  );
  const close = () => socket.destroy();
  if (options.tty) {
    // Without a listener a reset connection would end the process; its end shows in the stream itself.
    socket.on('error', () => undefined);
    return { stdin: socket, stdout: socket, stderr: undefined, close };
  }
  return { stdin: socket, ...demultiplex(socket), close };
}

async function* readLogs(
  docker: Docker,
  id: string,
  options: { sinceMs: number; signal: AbortSignal; limitOf: typeof callLimitMs },
): AsyncGenerator<EngineLogLine> {
  const subject = `log of container ${id}`;
  const path = `/containers/${encodeURIComponent(id)}/logs`;
  const details = await call(`container ${id}`, docker.getContainer(id).inspect());
  const stream = await call(
    subject,
    dialStream(docker, {
      method: 'GET',
      path,
      query: { stdout: true, stderr: true, timestamps: true, since: (options.sinceMs / 1000).toFixed(3) },
      signal: options.signal,
    }),
  );
  const splitter = new FrameSplitter();
  const partial = { stdout: '', stderr: '' };
  for await (const chunk of piecesOf(stream, { subject, path, ...options })) {
    const frames = details.Config.Tty
      ? [{ stream: 'stdout' as const, payload: chunk }]
      : splitter.split(chunk);
    for (const frame of frames) {
      const lines = (partial[frame.stream] + frame.payload.toString('utf8')).split('\n');
      partial[frame.stream] = lines.pop() ?? '';
      for (const line of lines) yield toLogLine(frame.stream, line);
    }
  }
}

/** All of a file that the engine sends. Throws when it stops, or breaks off. */
async function* piecesOf(
  stream: Readable,
  of: { subject: string; path: string; signal: AbortSignal; limitOf: typeof callLimitMs },
): AsyncGenerator<Buffer> {
  const limitMs = of.limitOf({ method: 'GET', path: of.path, options: {} });
  try {
    yield* limitMs === undefined ? stream : piecesInTime(stream, limitMs);
  } catch (error) {
    of.signal.throwIfAborted();
    throw engineError(error, of.subject);
  }
}

async function* events(
  docker: Docker,
  instance: string,
  signal: AbortSignal,
): AsyncGenerator<ContainerEvent> {
  const filters = JSON.stringify({
    type: ['container'],
    event: ['start', 'die', 'oom', 'destroy', 'pause'],
    label: [`${LABEL.instance}=${instance}`],
  });
  const stream = await call(
    'the events',
    dialStream(docker, { method: 'GET', path: '/events', query: { filters }, signal }),
  );
  try {
    for await (const event of readJsonLines(stream)) {
      const known = toEvent(event);
      if (known !== undefined) yield known;
    }
  } catch (error) {
    throw engineError(error, 'the events');
  } finally {
    stream.destroy();
  }
}

/** The engine sends the head of its answer at once: dockerode's own `wait` never settles when it goes after that. */
async function readExitCode(docker: Docker, id: string, signal: AbortSignal): Promise<{ exitCode: number }> {
  const path = `/containers/${encodeURIComponent(id)}/wait`;
  const stream = await dialStream(docker, { method: 'POST', path, query: {}, signal });
  for await (const { StatusCode: exitCode, Error: failure } of readJsonLines(stream)) {
    if (typeof exitCode === 'number' && !failure) return { exitCode };
  }
  throw new Error('the engine went before the container ended');
}
