// Builds the Dockerfile in a source's root with BuildKit.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import { pack as packFiles } from 'tar-fs';
import { pack } from 'tar-stream';
import { imageAssemblySpec, LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { App } from '../platform/apps.js';
import { buildDiskFull, createFailedStepReader, OutputWatch } from './build-trouble.js';
import { APT_CONFIG, APT_CONFIG_PATH, CA_BUNDLE_PATH, withCaBundle, withoutCaMount } from './ca-bundle.js';
import { imageTag } from './image.js';
import { contextIgnore } from './slug-ignore.js';
import { readSourceFile } from './source-files.js';

/** Yields the output, returns the image's digest. Throws `build_failed`. */
export async function* buildDockerfile(options: {
  engine: Engine;
  instance: string;
  stackRunImage: string;
  caBundle: string | undefined;
  memoryBytes: number;
  app: App;
  buildId: string;
  suffix: string;
  directory: string;
  signal: AbortSignal;
}): AsyncGenerator<string, string> {
  const { engine, instance, app, buildId, signal } = options;
  let dockerfile = (await readSourceFile(options.directory, 'Dockerfile'))?.toString('utf8') ?? '';
  if (options.caBundle !== undefined) {
    dockerfile = withCaBundle(dockerfile, await ensureCaImage({ ...options, caBundle: options.caBundle }));
  }
  const output = engine.buildImage(await packContext(options.directory, dockerfile), {
    dockerfile: 'Dockerfile',
    tag: imageTag({ instance, appId: app.id, buildId }),
    labels: { [LABEL.app]: app.id, [LABEL.appName]: app.name, [LABEL.build]: buildId },
    buildArgs: {},
    memoryBytes: options.memoryBytes,
    cpus: 1.5,
    signal,
  });
  const watch = new OutputWatch(createFailedStepReader());
  try {
    for (;;) {
      const step = await output.next();
      if (step.done) return step.value;
      const text = withoutCaMount(step.value);
      watch.read(text);
      yield text.replace(/^(?=.)/gm, '       ');
    }
  } catch (error) {
    signal.throwIfAborted();
    throw explained(error, watch);
  } finally {
    // Breaks the build off when the reader gave up.
    await output.return('');
  }
}

/** The engine's error in terms of the Dockerfile as its author knows it. */
function explained(error: unknown, watch: OutputWatch): unknown {
  if (!(error instanceof PaasError)) return error;
  if (watch.hasNoSpace || error.id === 'storage_full') return buildDiskFull(watch.step);
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new PaasError(error.id, withoutCaMount(error.message), hint);
}

async function packContext(directory: string, dockerfile: string): Promise<Readable> {
  const ignores = contextIgnore(
    directory,
    (await readSourceFile(directory, '.dockerignore'))?.toString('utf8'),
  );
  const tar = packFiles(directory, {
    ignore: (path) => path === `${directory}/Dockerfile` || ignores(path),
    // Root's, as in a checkout that `docker build` is run on; the same every time, which keeps the cache.
    map: (header) => ({ ...header, uid: 0, gid: 0, mtime: new Date(0) }),
    finalize: false,
    finish: (unfinished) => {
      unfinished.entry({ name: 'Dockerfile', mtime: new Date(0) }, dockerfile);
      unfinished.finalize();
    },
  });
  const through = new PassThrough();
  tar.on('error', (error) => through.destroy(error));
  return tar.pipe(through);
}

/** An image that holds the CA bundle for `RUN --mount`; made once for each content of the bundle. */
async function ensureCaImage(options: {
  engine: Engine;
  instance: string;
  stackRunImage: string;
  caBundle: string;
  app: App;
  buildId: string;
  suffix: string;
}): Promise<string> {
  const { engine, instance } = options;
  const bundle = await readFile(options.caBundle);
  const hash = createHash('sha256').update(bundle).update(APT_CONFIG).digest('hex').slice(0, 16);
  const tag = `paas-${instance}/ca-bundle:${hash}`;
  const present = (await engine.listImages()).some((image) => image.tags.includes(tag));
  if (present) return tag;
  const id = await engine.createContainer(
    imageAssemblySpec({
      instance,
      app: { id: options.app.id, name: options.app.name },
      suffix: options.suffix,
      image: options.stackRunImage,
      buildId: options.buildId,
    }),
  );
  try {
    const tar = pack();
    tar.entry({ name: CA_BUNDLE_PATH.slice(1), mode: 0o644 }, bundle);
    tar.entry({ name: APT_CONFIG_PATH.slice(1), mode: 0o644 }, APT_CONFIG);
    tar.finalize();
    await engine.putArchive(id, tar.pipe(new PassThrough()), { path: '/' });
    await engine.commitContainer(id, { tag, labels: {}, cmd: [], workingDir: '/', user: '' });
    return tag;
  } finally {
    await engine.removeContainer(id);
  }
}
