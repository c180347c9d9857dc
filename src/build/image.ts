// From what buildpacks made to the app's image: the run image, a layer of what they vendored (shared by all releases
// that have the same), and a layer of the slug. docs/decisions/0016-vendored-runtimes-are-a-layer.md

import { Transform } from 'node:stream';
import { imageAssemblySpec, LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { App } from '../platform/apps.js';
import { VENDOR_PATH } from './buildpacks.js';

/** The tag that keeps a build's image; the instance in it makes it ours to remove. */
export function imageTag(options: { instance: string; appId: string; buildId: string }): string {
  return `paas-${options.instance}/${options.appId}:${options.buildId}`;
}

/** What an image is assembled for. */
export interface Assembly {
  readonly engine: Engine;
  readonly instance: string;
  readonly stackRunImage: string;
  readonly maxSlugBytes: number;
  readonly app: App;
  readonly buildId: string;
  readonly suffix: string;
  /** The build container, which ended. */
  readonly containerId: string;
  /** Digest of what was vendored. */
  readonly vendor: string | undefined;
  readonly signal: AbortSignal;
  /** Removes a container while the deploy goes on. */
  readonly discard: (containerId: string) => void;
}

/** Puts /app of the build container over the run image. Returns the image's digest and the slug's size. */
export async function assembleImage(assembly: Assembly): Promise<{ image: string; slugBytes: number }> {
  const { instance, app, buildId, vendor } = assembly;
  const base = vendor === undefined ? assembly.stackRunImage : await vendorImage(assembly, vendor);
  const { image, bytes } = await addLayer(assembly, {
    base,
    from: '/app',
    to: '/',
    tag: imageTag({ instance, appId: app.id, buildId }),
    labels: { [LABEL.build]: buildId },
  });
  return { image, slugBytes: bytes };
}

/**
 * The run image with what was vendored; made when the app has none of this content yet. Each app has its own: the
 * digest comes from a container in which the app's code ran, so it says nothing about anybody else's.
 */
async function vendorImage(assembly: Assembly, vendor: string): Promise<string> {
  const { engine, instance, app, stackRunImage } = assembly;
  const { id: runImage } = await engine.inspectImage(stackRunImage);
  const key = `${vendor.slice(0, 40)}-${runImage.replace('sha256:', '').slice(0, 12)}`;
  const tag = `paas-${instance}/${app.id}:vendor-${key}`;
  const present = (await engine.listImages()).find((image) => image.tags.includes(tag));
  if (present !== undefined) return present.id;
  const labels = { [LABEL.vendor]: key };
  const { image } = await addLayer(assembly, { base: runImage, from: VENDOR_PATH, to: '/app', tag, labels });
  return image;
}

/** Copies a directory of the build container over an image, and commits that. */
async function addLayer(
  assembly: Assembly,
  layer: { base: string; from: string; to: string; tag: string; labels: Record<string, string> },
): Promise<{ image: string; bytes: number }> {
  const { engine, instance, app, signal } = assembly;
  const container = await engine.createContainer(
    imageAssemblySpec({
      instance,
      app: { id: app.id, name: app.name },
      suffix: `${assembly.suffix}-${layer.labels[LABEL.vendor] === undefined ? 'slug' : 'vendor'}`,
      image: layer.base,
      buildId: assembly.buildId,
    }),
  );
  try {
    const tar = await engine.getArchive(assembly.containerId, { path: layer.from });
    let bytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        done(bytes > assembly.maxSlugBytes ? tooLarge(assembly.maxSlugBytes) : signal.reason, chunk);
      },
    });
    tar.on('error', (error) => measure.destroy(error));
    measure.on('close', () => tar.destroy());
    await engine.putArchive(container, tar.pipe(measure), { path: layer.to });
    signal.throwIfAborted();
    const image = await engine.commitContainer(container, {
      tag: layer.tag,
      labels: { [LABEL.app]: app.id, [LABEL.appName]: app.name, [LABEL.vendor]: '', ...layer.labels },
      cmd: ['bash'],
      workingDir: '/app',
      user: '20000:20000',
    });
    return { image, bytes };
  } finally {
    assembly.discard(container);
  }
}

/** 34500000 as `32.9M`, as Heroku prints slug sizes. */
export function formatSlugSize(bytes: number): string {
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
  return new PaasError('build_failed', `The slug is larger than ${formatSlugSize(maxSlugBytes)}.`, {
    hint: 'Keep files that the app does not need at run time out of it with .slugignore.',
  });
}
