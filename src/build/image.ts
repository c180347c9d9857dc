// From the slug to the app's image: one layer over the run image.

import { Transform } from 'node:stream';
import { imageAssemblySpec, LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { App } from '../platform/apps.js';

/** The tag that keeps a build's image; the instance in it makes it ours to remove. */
export function imageTag(options: { instance: string; appId: string; buildId: string }): string {
  return `paas-${options.instance}/${options.appId}:${options.buildId}`;
}

/** Moves /app of the build container over the run image; that container is gone afterwards. Returns the digest and the slug's size. */
export async function assembleImage(options: {
  engine: Engine;
  instance: string;
  stackRunImage: string;
  maxSlugBytes: number;
  app: App;
  buildId: string;
  suffix: string;
  containerId: string;
  signal: AbortSignal;
}): Promise<{ image: string; slugBytes: number }> {
  const { engine, instance, app, buildId, signal } = options;
  const assembly = await engine.createContainer(
    imageAssemblySpec({
      instance,
      app: { id: app.id, name: app.name },
      suffix: options.suffix,
      image: options.stackRunImage,
      buildId,
    }),
  );
  try {
    const slug = await engine.getArchive(options.containerId, { path: '/app' });
    let slugBytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        slugBytes += chunk.length;
        done(slugBytes > options.maxSlugBytes ? tooLarge(options.maxSlugBytes) : signal.reason, chunk);
      },
    });
    slug.on('error', (error) => measure.destroy(error));
    measure.on('close', () => slug.destroy());
    await engine.putArchive(assembly, slug.pipe(measure), { path: '/' });
    signal.throwIfAborted();
    const commit = engine.commitContainer(assembly, {
      tag: imageTag({ instance, appId: app.id, buildId }),
      labels: { [LABEL.app]: app.id, [LABEL.appName]: app.name, [LABEL.build]: buildId },
      cmd: ['bash'],
      workingDir: '/app',
      user: '20000:20000',
    });
    // The build's files are no longer needed, and deleting them takes as long as making them did.
    const [image] = await Promise.all([commit, engine.removeContainer(options.containerId)]);
    return { image, slugBytes };
  } finally {
    await engine.removeContainer(assembly);
  }
}

/** 34500000 as `32.9M`, as Heroku prints slug sizes. */
export function formatSize(bytes: number): string {
  const units = ['B', 'K', 'M', 'G'];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)}${units[unit]}`;
}

function tooLarge(maxSlugBytes: number): PaasError {
  return new PaasError('build_failed', `The slug is larger than ${formatSize(maxSlugBytes)}.`, {
    hint: 'Keep files that the app does not need at run time out of it with .slugignore.',
  });
}
