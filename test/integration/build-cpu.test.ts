// The processor time of builds on the real kernel and engine. Of version 1 of control groups, which this needs to be run on.

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import { pino } from 'pino';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atLowPriority } from '../../src/build/at-low-priority.js';
import { createBuildCpu } from '../../src/engine/build-cpu.js';
import { buildSpec, imageAssemblySpec } from '../../src/engine/container-spec.js';
import { createDockerEngine } from '../../src/engine/docker.js';
import type { Engine } from '../../src/engine/engine.js';
import { eventually } from '../support/house.js';
import { newInstance } from '../support/test-instance.js';
import { importTinyImage } from '../support/tiny-image.js';

const CPU = '/sys/fs/cgroup/cpu';
const MEMORY = '/sys/fs/cgroup/memory';
const instance = newInstance();
const group = join(CPU, `paas-builds-${instance}`);
const docker = new Docker({ socketPath: '/var/run/docker.sock' });
const log = pino({ level: 'silent' });
// Patient until the test of impatience: a busy machine starves builds of tests, too.
const times = { patienceMs: 60_000, liftMs: 60_000 };
const buildCpu = createBuildCpu({
  instance,
  readLayout: async () => (await engine.info()).groups,
  times,
  log,
});
const engine: Engine = createDockerEngine({
  socketPath: '/var/run/docker.sock',
  instance,
  maxOpenFiles: 1024,
  buildCpu,
  log,
});
const app = { id: 'a1', name: 'hello' };
const life = new AbortController();
let image = '';

beforeAll(async () => {
  image = await importTinyImage({ instance, name: 'run' });
});

afterAll(async () => {
  life.abort();
  for (const container of await engine.listContainers()) await engine.removeContainer(container.id);
  await buildCpu.stop();
  for (const { id, tags } of await engine.listImages())
    for (const name of [...tags, id]) await engine.removeImage(name);
});

describe.runIf(existsSync(join(CPU, 'cpu.idle')))('builds', () => {
  it('in containers are idle beside the engine, and nothing of it is left after the last', async () => {
    const share = buildCpu.begin(() => undefined);
    const id = await startBuild('sleep 60');
    expect(pidsOf(join(group, id))).toContain(String((await engine.inspectContainer(id)).pid));
    expect(readFileSync(join(group, 'cpu.idle'), 'utf8')).toBe('1\n');
    // Its other limits hold as before.
    const memory = join(MEMORY, `paas-builds-${instance}`, id, 'memory.limit_in_bytes');
    expect(readFileSync(memory, 'utf8')).toBe(`${64 * 1024 ** 2}\n`);
    const other = await engine.createContainer(
      imageAssemblySpec({ instance, app, suffix: suffix(), image, buildId: 'b' }),
    );
    expect((await docker.getContainer(other).inspect()).HostConfig.CgroupParent).toBe('');
    await engine.removeContainer(id);
    share.end();
    await eventually('the group is gone', () => !existsSync(group));
    expect(existsSync(join(MEMORY, `paas-builds-${instance}`))).toBe(false);
  });

  it('of Dockerfiles are idle and limited, with all their processes; those of others are not touched', async () => {
    const share = buildCpu.begin(() => undefined);
    // Times that nothing else sleeps for.
    const [ours, others] = [`77${process.pid}`, `78${process.pid}`];
    const end = new AbortController();
    const build = drain(
      engine.buildImage(dockerfile(`sleep ${ours} & sleep ${ours}; wait`), {
        dockerfile: 'Dockerfile',
        tag: `paas-${instance}/x:1`,
        labels: {},
        buildArgs: {},
        memoryBytes: 64 * 1024 ** 2,
        cpus: 1.5,
        signal: end.signal,
      }),
    );
    const stranger = startForeignBuild(`sleep ${others}`);
    try {
      const path = await eventually('our step moves', () =>
        stepPaths().find((step) => runs(step, ours) && isMoved(step)),
      );
      expect(readFileSync(join(group, 'cpu.idle'), 'utf8')).toBe('1\n');
      expect(readFileSync(join(path, 'memory.limit_in_bytes'), 'utf8')).toBe(`${64 * 1024 ** 2}\n`);
      const foreign = await eventually('the step of others', () =>
        stepPaths().find((step) => runs(step, others)),
      );
      // As long as ours is looked at.
      await eventually('looked at again', () => isMoved(path));
      expect(Number(readFileSync(join(foreign, 'memory.limit_in_bytes'), 'utf8'))).toBeGreaterThan(1024 ** 4);
      expect(pidsOf(foreign.replace(MEMORY, CPU)).length).toBeGreaterThan(0);
    } finally {
      stranger.destroy();
      end.abort();
      await build.catch(() => undefined);
      share.end();
    }
    await eventually('the group is gone', () => !existsSync(group));
  });

  it('that get nothing have a share after a while, which their pusher is told', async () => {
    times.patienceMs = 1500;
    const hog = await startHog();
    async function* build(): AsyncGenerator<string, string> {
      const id = await startBuild('i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done');
      await engine.waitContainer(id, { signal: life.signal });
      yield 'built';
      return '';
    }
    const steps = atLowPriority(buildCpu, life.signal, build());
    try {
      expect((await steps.next()).value).toContain('The apps take all of the processor');
      expect(readFileSync(join(group, 'cpu.idle'), 'utf8')).toBe('0\n');
      expect(readFileSync(join(group, 'cpu.shares'), 'utf8')).toBe('256\n');
      expect(await steps.next()).toEqual({ done: false, value: 'built' });
    } finally {
      await steps.return('');
      await engine.removeContainer(hog);
    }
  });
});

async function startBuild(script: string): Promise<string> {
  const id = await engine.createContainer(
    buildSpec({
      instance,
      app,
      suffix: suffix(),
      image,
      buildId: 'b1',
      command: ['/bin/sh', '-c', script],
      env: {},
      memoryBytes: 64 * 1024 ** 2,
      mounts: [],
      network: undefined,
    }),
  );
  await engine.startContainer(id);
  return id;
}

/** Takes all cores there are, as dynos would. */
async function startHog(): Promise<string> {
  const { id } = await docker.createContainer({
    Image: image,
    Cmd: ['sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; wait'],
    Labels: { 'paas.instance': instance },
    HostConfig: { NetworkMode: 'none', CpuShares: 2048 },
  });
  await engine.startContainer(id);
  return id;
}

/** As somebody else would who asks for host names of their own. */
function startForeignBuild(command: string): ClientRequest {
  const call = request({
    socketPath: '/var/run/docker.sock',
    method: 'POST',
    path: `/v1.41/build?version=2&extrahosts=db.local:127.0.0.1`,
    headers: { 'content-type': 'application/x-tar' },
  });
  call.on('response', (response) => response.resume().on('error', () => undefined));
  call.on('error', () => undefined);
  return dockerfile(command).pipe(call);
}

function suffix(): string {
  return randomBytes(6).toString('hex');
}

function dockerfile(command: string): PassThrough {
  const tar = pack();
  tar.entry({ name: 'Dockerfile' }, `FROM ${image}\nRUN ${command}\n`);
  tar.finalize();
  return tar.pipe(new PassThrough());
}

async function drain(steps: AsyncGenerator<string, string>): Promise<void> {
  for await (const _ of steps) {
    // Until it ends.
  }
}

/** Groups of BuildKit's steps that have a memory limit to be set. */
function stepPaths(): string[] {
  const parent = join(MEMORY, 'docker/buildkit');
  // There since the first step of any build.
  if (!existsSync(parent)) return [];
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(parent, name));
}

/** Whether all processes of a step are in our group for the processor. */
function isMoved(step: string): boolean {
  const pids = pidsOf(step);
  const moved = new Set(pidsOf(join(group, step.slice(step.lastIndexOf('/') + 1))));
  return pids.length > 0 && pids.every((pid) => moved.has(pid));
}

function pidsOf(folder: string): string[] {
  return readIfThere(join(folder, 'cgroup.procs')).split('\n').filter(Boolean);
}

/** Steps of other builds end while they are looked at. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function runs(folder: string, argument: string): boolean {
  return pidsOf(folder).some((pid) => readIfThere(`/proc/${pid}/cmdline`).includes(argument));
}
