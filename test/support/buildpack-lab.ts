// Runs the build driver of the stack image on a source tree, and the slug it leaves on the run image, with plain Docker.
// Everything it makes carries one random instance label and goes with `close`.

import { existsSync } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Docker from 'dockerode';
import tarFs from 'tar-fs';
import tarStream from 'tar-stream';
import { newInstance } from './test-instance.js';

/** A directory of the fixtures, or files by path. */
export type Source = string | Readonly<Record<string, string>>;

export interface BuildResult {
  readonly exitCode: number;
  readonly output: string;
  /** What the driver left for the platform; undefined when it failed. */
  readonly release:
    | { buildpacks: string[]; default_process_types: Record<string, string>; vendor: string | null }
    | undefined;
  readonly container: Docker.Container;
}

export interface RunningSlug {
  /** Answers of the app on its own address; throws when it does not listen within the deadline. */
  get(path: string): Promise<Response>;
  listens(deadlineMs: number): Promise<boolean>;
  logs(): Promise<string>;
  signal(name: string): Promise<void>;
  /** Resolves with the exit code when the process has ended. */
  ended(): Promise<number>;
  isRunning(): Promise<boolean>;
}

const BUILD_IMAGE = 'paas-stack-build:13';
const RUN_IMAGE = 'paas-stack-run:13';
const USER_ID = 20000;
const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
const CA_TARGET = '/etc/paas/ca-bundle.crt';
const CA_VARIABLES = [
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  'PIP_CERT',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
];
const BUILDPACKS = fileURLToPath(new URL('../../buildpacks', import.meta.url));
const APPS = fileURLToPath(new URL('../fixtures/apps', import.meta.url));

/** One test file's builds and runs. */
export class BuildpackLab {
  readonly #docker = new Docker();
  readonly #instance = newInstance();
  readonly #containers: Docker.Container[] = [];
  readonly #volumes = new Set<string>();

  /** Builds a source tree; `cache` names a volume that later builds of the same name find again. */
  async build(
    source: Source,
    options: {
      cache: string;
      config?: Record<string, string>;
      buildpacks?: string;
      changes?: Record<string, string>;
    },
  ): Promise<BuildResult> {
    const container = await this.#createBuild(options.cache, options.buildpacks ?? '');
    await container.putArchive(pack(source), { path: '/app' });
    await container.putArchive(packFiles(options.changes ?? {}), { path: '/app' });
    await container.putArchive(packFiles(options.config ?? {}), { path: '/env' });
    const output = await start(container);
    const { StatusCode: exitCode } = await container.wait();
    const release =
      exitCode === 0 ? JSON.parse(await readFile(container, '/tmp/paas-release.json')) : undefined;
    return { exitCode, output: await output(), release, container };
  }

  /** Puts what a build left in /app on the run image and starts one process of it. */
  async run(build: BuildResult, command: string, env: Record<string, string> = {}): Promise<RunningSlug> {
    const container = await this.#docker.createContainer({
      Image: RUN_IMAGE,
      Cmd: ['paas-launch', command],
      Env: Object.entries({ PORT: '5000', DYNO: 'web.1', ...env }).map(([name, value]) => `${name}=${value}`),
      ...this.#policy({ Tmpfs: { '/tmp': 'size=67108864,mode=1777' } }),
    });
    this.#containers.push(container);
    const slug = await build.container.getArchive({ path: '/app' });
    await container.putArchive(slug, { path: '/' });
    if (build.release?.vendor) {
      const vendored = await build.container.getArchive({ path: '/tmp/paas-vendor/.paas' });
      await container.putArchive(vendored, { path: '/app' });
    }
    await container.start();
    return runningSlug(container);
  }

  async close(): Promise<void> {
    // Side by side: what a build wrote takes a second to remove.
    await Promise.all(this.#containers.map((container) => container.remove({ force: true, v: true })));
    for (const volume of this.#volumes) await this.#docker.getVolume(volume).remove();
  }

  async #createBuild(cache: string, buildpacks: string): Promise<Docker.Container> {
    const volume = `${this.#instance}-${cache}`;
    if (!this.#volumes.has(volume)) {
      await this.#docker.createVolume({ Name: volume, Labels: { 'paas.instance': this.#instance } });
      this.#volumes.add(volume);
    }
    const hasCa = existsSync(CA_BUNDLE);
    const container = await this.#docker.createContainer({
      Image: BUILD_IMAGE,
      Cmd: ['paas-build'],
      Env: [`BUILDPACKS=${buildpacks}`, ...(hasCa ? CA_VARIABLES.map((name) => `${name}=${CA_TARGET}`) : [])],
      ...this.#policy({
        Binds: [
          `${volume}:/cache`,
          `${BUILDPACKS}:/buildpacks:ro`,
          ...(hasCa ? [`${CA_BUNDLE}:${CA_TARGET}:ro`] : []),
        ],
      }),
    });
    this.#containers.push(container);
    return container;
  }

  #policy(host: Docker.HostConfig): Docker.ContainerCreateOptions {
    return {
      User: `${USER_ID}:${USER_ID}`,
      Labels: { 'paas.instance': this.#instance },
      HostConfig: {
        Init: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Memory: 2 ** 31,
        PidsLimit: 1024,
        ...host,
      },
    };
  }
}

/** Starts an attached container; the function it returns gives all its output. */
async function start(container: Docker.Container): Promise<() => Promise<string>> {
  const stream = await container.attach({ stream: true, stdout: true, stderr: true });
  const output = new PassThrough();
  container.modem.demuxStream(stream, output, output);
  stream.on('end', () => output.end());
  const whole = text(output);
  await container.start();
  return () => whole;
}

function runningSlug(container: Docker.Container): RunningSlug {
  const isRunning = async () => (await container.inspect()).State.Running;
  const request = async (path: string) => {
    const ip = Object.values((await container.inspect()).NetworkSettings.Networks)[0]?.IPAddress;
    return fetch(`http://${ip}:5000${path}`, { signal: AbortSignal.timeout(20_000) });
  };
  const listens = async (deadlineMs: number) => {
    const deadline = Date.now() + deadlineMs;
    while (Date.now() < deadline && (await isRunning())) {
      const answer = await request('/').catch(() => undefined);
      await answer?.body?.cancel();
      if (answer !== undefined) return true;
      await wait(100);
    }
    return false;
  };
  const logs = async () => plainLog(await container.logs({ stdout: true, stderr: true, follow: false }));
  return {
    get: async (path) => {
      if (!(await listens(90_000))) throw new Error(`The app does not listen on its port:\n${await logs()}`);
      return request(path);
    },
    listens,
    logs,
    signal: async (name) => {
      await container.kill({ signal: name });
    },
    ended: async () => (await container.wait()).StatusCode,
    isRunning,
  };
}

/** Takes the 8-byte frame headers out of the engine's log format. */
function plainLog(raw: Buffer): string {
  let plain = '';
  for (let at = 0; at + 8 <= raw.length; ) {
    const length = raw.readUInt32BE(at + 4);
    plain += raw.toString('utf8', at + 8, at + 8 + length);
    at += 8 + length;
  }
  return plain;
}

function pack(source: Source): Readable {
  if (typeof source !== 'string') return packFiles(source);
  return tarFs.pack(`${APPS}/${source}`, {
    map: (header) => ({ ...header, uid: USER_ID, gid: USER_ID }),
  }) as unknown as Readable; // tar-fs returns streamx's stream, which behaves like node's here
}

function packFiles(files: Readonly<Record<string, string>>): Readable {
  const archive = tarStream.pack();
  for (const [name, content] of Object.entries(files))
    archive.entry({ name, uid: USER_ID, gid: USER_ID }, content);
  archive.finalize();
  return archive as unknown as Readable; // streamx again
}

async function readFile(container: Docker.Container, path: string): Promise<string> {
  const extract = tarStream.extract();
  (await container.getArchive({ path })).pipe(extract as unknown as NodeJS.WritableStream);
  let content = '';
  for await (const entry of extract) content += await text(entry as unknown as Readable);
  return content;
}
