// Runs buildpacks over a source in a container of the build image (docs/decisions/0010-buildpacks-in-one-container.md).

import { addAbortSignal, PassThrough, type Readable } from 'node:stream';
import { pack as packFiles } from 'tar-fs';
import { type Pack, pack } from 'tar-stream';
import { buildSpec, cacheVolumeName, LABEL, type Mount } from '../engine/container-spec.js';
import type { Attachment, Engine } from '../engine/engine.js';
import { outOfMemory } from '../engine/out-of-memory.js';
import { PaasError } from '../errors.js';
import type { App } from '../platform/apps.js';
import { type BuildpackResult, RESULT_PATH, readBuildpackResult } from './buildpack-result.js';
import { CA_BUNDLE_ENV, CA_BUNDLE_PATH } from './ca-bundle.js';
import { slugIgnore } from './slug-ignore.js';
import { readSourceFile } from './source-files.js';

/** What is the same for every build on this server. */
export interface BuildpackSettings {
  readonly instance: string;
  readonly stackBuildImage: string;
  readonly buildpacksDirectory: string;
  readonly caBundle: string | undefined;
  readonly memoryBytes: number;
  readonly network: string;
}

/** What the buildpacks made. What they vendored lies in `VENDOR_PATH` of the container. */
export interface BuildpackSlug extends BuildpackResult {
  /** The stopped container that holds the slug in /app; the caller removes it. */
  readonly containerId: string;
}

/** Where the driver in the container puts the `.paas` directory of the slug. */
export const VENDOR_PATH = '/tmp/paas-vendor/.paas';

const NO_BUILDPACK_MATCHED = 10;
const ENV_BYTES = 16 * 1024 * 1024;

/** Yields the output; throws `build_failed` with the reason. The container is removed unless it returns. */
export async function* runBuildpacks(options: {
  engine: Engine;
  settings: BuildpackSettings;
  app: App;
  buildId: string;
  suffix: string;
  directory: string;
  config: Readonly<Record<string, string>>;
  sourceVersion: string;
  signal: AbortSignal;
}): AsyncGenerator<string, BuildpackSlug> {
  const { engine, settings, app, signal } = options;
  const cache = cacheVolumeName(settings.instance, app.id);
  await engine.ensureVolume(cache, { [LABEL.app]: app.id });
  const id = await engine.createContainer(containerSpec({ ...options, cache }));
  // An end from outside must end the program too, whatever the code below waits for.
  let removal: Promise<void> | undefined;
  const kill = () => {
    removal ??= engine.removeContainer(id).catch(() => undefined);
  };
  let isKept = false;
  signal.addEventListener('abort', kill, { once: true });
  try {
    signal.throwIfAborted();
    await engine.putArchive(id, await packSource(options.directory), { path: '/app' });
    const streams = await engine.attach(id, { tty: false, stdin: true });
    await engine.startContainer(id);
    sendConfig(streams, options.config);
    let step = 'of the buildpacks';
    for await (const text of mergedText(streams, signal)) {
      step = lastHeading(text) ?? step;
      yield text;
    }
    const { exitCode } = await engine.waitContainer(id, { signal });
    signal.throwIfAborted();
    const { oomKilled } = await engine.inspectContainer(id);
    if (exitCode !== 0) throw failure({ exitCode, oomKilled, step, memoryBytes: settings.memoryBytes });
    const result = await readBuildpackResult(await engine.getArchive(id, { path: RESULT_PATH }));
    isKept = true;
    return { containerId: id, ...result };
  } catch (error) {
    // The abort's own reason, not what breaking off did to the streams.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', kill);
    if (!isKept) await (removal ?? engine.removeContainer(id));
  }
}

function containerSpec(options: {
  settings: BuildpackSettings;
  app: App;
  buildId: string;
  suffix: string;
  sourceVersion: string;
  cache: string;
}) {
  const { settings, app } = options;
  const caMount: Mount[] =
    settings.caBundle === undefined
      ? []
      : [{ kind: 'bind', source: settings.caBundle, target: CA_BUNDLE_PATH, readOnly: true }];
  return buildSpec({
    instance: settings.instance,
    app: { id: app.id, name: app.name },
    suffix: options.suffix,
    image: settings.stackBuildImage,
    buildId: options.buildId,
    // The config vars come on stdin: not in argv, environment, labels or a file system that outlives the build.
    command: ['/bin/sh', '-c', 'tar -x -f - -C /env && exec /usr/local/bin/paas-build </dev/null'],
    env: {
      BUILD_DIR: '/app',
      CACHE_DIR: '/cache',
      ENV_DIR: '/env',
      BUILDPACKS_DIR: '/buildpacks',
      BUILDPACKS: app.buildpacks.join(' '),
      SOURCE_VERSION: options.sourceVersion,
      STACK: app.stack,
      REQUEST_ID: options.buildId,
      HOME: '/app',
      ...(settings.caBundle !== undefined && CA_BUNDLE_ENV),
    },
    memoryBytes: settings.memoryBytes,
    mounts: [
      { kind: 'volume', source: options.cache, target: '/cache', readOnly: false },
      { kind: 'bind', source: settings.buildpacksDirectory, target: '/buildpacks', readOnly: true },
      { kind: 'tmpfs', target: '/env', sizeBytes: ENV_BYTES, holds: 'secrets' },
      ...caMount,
    ],
    network: settings.network,
  });
}

/** The unpacked source as a tar, owned by the user of the build, without what .slugignore names. */
async function packSource(directory: string): Promise<Readable> {
  const ignores = slugIgnore(directory, (await readSourceFile(directory, '.slugignore'))?.toString('utf8'));
  const tar = packFiles(directory, {
    ignore: ignores,
    map: (header) => ({ ...header, uid: 20000, gid: 20000 }),
  });
  return asReadable(tar);
}

/** tar-fs and tar-stream make streams of a library that the rest of Node only resembles. */
function asReadable(tar: Pack): Readable {
  const through = new PassThrough();
  tar.on('error', (error) => through.destroy(error));
  return tar.pipe(through);
}

function sendConfig(streams: Attachment, config: Readonly<Record<string, string>>): void {
  const tar = pack();
  for (const [name, value] of Object.entries(config)) tar.entry({ name, mode: 0o600 }, value);
  tar.finalize();
  // The program may end without having read it all; its exit code tells.
  streams.stdin.on('error', () => undefined);
  asReadable(tar).pipe(streams.stdin);
}

/** Until both end, or `signal` aborts: the container's end is not waited for, it may not come. */
async function* mergedText(streams: Attachment, signal: AbortSignal): AsyncGenerator<string> {
  const both = addAbortSignal(signal, new PassThrough({ encoding: 'utf8' }));
  const sources = [streams.stdout, ...(streams.stderr === undefined ? [] : [streams.stderr])];
  let open = sources.length;
  for (const source of sources) {
    source.pipe(both, { end: false });
    source.on('end', () => {
      open -= 1;
      if (open === 0) both.end();
    });
  }
  yield* both;
}

/** What the build says it does, in the last line of a piece that is a heading; undefined when none is. */
function lastHeading(text: string): string | undefined {
  return [...text.matchAll(/^-----> (.{1,100})$/gm)].at(-1)?.[1]?.trim();
}

function failure(end: {
  exitCode: number;
  oomKilled: boolean;
  step: string;
  memoryBytes: number;
}): PaasError {
  // Before the exit code: the engine also reports it when a child was killed and the driver went on.
  if (end.oomKilled || end.exitCode === 137) {
    return outOfMemory({ step: end.step, limitBytes: end.memoryBytes });
  }
  if (end.exitCode === NO_BUILDPACK_MATCHED) {
    return new PaasError('build_failed', 'No buildpack matched the app.', {
      hint: 'Set one with: paas buildpacks:set NAME',
    });
  }
  return new PaasError('build_failed', `The buildpack ended with exit code ${end.exitCode}.`);
}
