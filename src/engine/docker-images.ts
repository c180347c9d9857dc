// Images on Docker: commit, pull, tags; docker-build.ts builds them.

import type Docker from 'dockerode';
import { PaasError, quoteValue } from '../errors.js';
import type { BuildCpu } from './build-cpu.js';
import { LABEL } from './container-spec.js';
import { buildImage } from './docker-build.js';
import { dialJson, dialStream, readJsonLines } from './docker-calls.js';
import { engineError, hasStatus } from './docker-errors.js';
import type { Engine, ImageDetails } from './engine.js';

type ImageCalls = Pick<
  Engine,
  'commitContainer' | 'buildImage' | 'pullImage' | 'inspectImage' | 'tagImage' | 'removeImage' | 'listImages'
>;

/** The part of the Engine that is about images. Tags of ours begin with `paas-<instance>/`. */
export function createImageCalls({
  docker,
  instance,
  buildCpu,
}: {
  docker: Docker;
  instance: string;
  buildCpu: BuildCpu | undefined;
}): ImageCalls {
  const own = { [LABEL.instance]: instance };
  return {
    async commitContainer(id, options) {
      const { repository, tag } = splitTag(options.tag);
      const config = { Cmd: options.cmd, WorkingDir: options.workingDir, User: options.user };
      const reply = dialJson<{ Id: string }>(docker, {
        method: 'POST',
        path: '/commit',
        query: { container: id, repo: repository, tag },
        body: { ...config, Labels: { ...options.labels, ...own } },
      });
      return (await orThrow(reply, `container ${id}`)).Id;
    },
    buildImage: (context, options) =>
      buildImage({ docker, instance, buildCpu }, context, {
        ...options,
        labels: { ...options.labels, ...own },
      }),
    pullImage: (reference, options) => pullImage(docker, reference, options),
    async inspectImage(reference) {
      const found = await orThrow(docker.getImage(reference).inspect(), `image ${quoteValue(reference)}`);
      return toDetails(found);
    },
    tagImage: (id, name) => tagImage(docker, id, name),
    removeImage: (reference) => removeImage(docker, instance, reference),
    listImages: () => listImages(docker, instance),
  };
}

async function* pullImage(
  docker: Docker,
  reference: string,
  { tag: ownTag, signal }: { tag: string; signal: AbortSignal },
): AsyncGenerator<string, string> {
  const local = await docker
    .getImage(reference)
    .inspect()
    .catch((error: unknown) => {
      if (hasStatus(error, 404)) return undefined;
      throw engineError(error, `image ${quoteValue(reference)}`);
    });
  if (local !== undefined) {
    await tagImage(docker, local.Id, ownTag);
    return local.Id;
  }
  const { repository, tag } = splitTag(reference);
  const pull = dialStream(docker, {
    method: 'POST',
    path: '/images/create',
    query: { fromImage: repository, tag },
    signal,
  });
  const stream = await pull.catch((error: unknown) => {
    signal.throwIfAborted();
    if (hasStatus(error, 404, 500, 401, 403)) throw pullFailure(reference);
    throw engineError(error, `image ${quoteValue(reference)}`);
  });
  for await (const message of readJsonLines(stream)) {
    if (typeof message['error'] === 'string') throw pullFailure(reference);
    const text = progressText(message);
    if (text !== undefined) yield text;
  }
  const image = docker.getImage(reference);
  const pulled = await orThrow(image.inspect(), `image ${quoteValue(reference)}`);
  await tagImage(docker, pulled.Id, ownTag);
  await orThrow(image.remove({ noprune: true }), `image ${quoteValue(reference)}`);
  return pulled.Id;
}

async function tagImage(docker: Docker, id: string, name: string): Promise<void> {
  const { repository, tag } = splitTag(name);
  await orThrow(docker.getImage(id).tag({ repo: repository, tag }), `image ${quoteValue(id)}`);
}

function pullFailure(reference: string): PaasError {
  return new PaasError('not_found', `Couldn't pull image ${quoteValue(reference)}.`, {
    hint: 'Check its name and tag, and that its registry can be reached without a password.',
  });
}

/** Only the ends of steps: the bars in between are for terminals. */
function progressText(message: Record<string, unknown>): string | undefined {
  const { id, status } = message;
  if (typeof status !== 'string' || /ing$|ing fs layer$|^Verifying/.test(status)) return undefined;
  return typeof id === 'string' ? `${id}: ${status}\n` : `${status}\n`;
}

async function removeImage(docker: Docker, instance: string, reference: string): Promise<void> {
  const image = docker.getImage(reference);
  const found = await image.inspect().catch((error: unknown) => {
    if (hasStatus(error, 404)) return undefined;
    throw engineError(error, `image ${quoteValue(reference)}`);
  });
  if (found === undefined) return;
  const isOurs =
    found.Config.Labels?.[LABEL.instance] === instance || reference.startsWith(`paas-${instance}/`);
  if (!isOurs) {
    throw new PaasError('forbidden', `Image ${quoteValue(reference)} does not belong to this install.`);
  }
  await image.remove({ force: false }).catch((error: unknown) => {
    if (!hasStatus(error, 404, 409)) throw engineError(error, `image ${quoteValue(reference)}`);
  });
}

async function listImages(docker: Docker, instance: string): ReturnType<Engine['listImages']> {
  const prefix = `paas-${instance}/`;
  const labelled = await orThrow(
    docker.listImages({ filters: JSON.stringify({ label: [`${LABEL.instance}=${instance}`] }) }),
    'the images',
  );
  // Pulled images carry no label; ours are known by the tag that was put on them.
  const tagged = await orThrow(
    docker.listImages({ filters: JSON.stringify({ reference: [`${prefix}*`] }) }),
    'the images',
  );
  const all = new Map([...labelled, ...tagged].map((image) => [image.Id, image]));
  return [...all.values()].map((image) => ({
    id: image.Id,
    tags: (image.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'),
    labels: image.Labels ?? {},
    sizeBytes: image.Size,
    createdAt: image.Created * 1000,
  }));
}

function toDetails(found: Docker.ImageInspectInfo): ImageDetails {
  const config = found.Config;
  const list = (value: string | readonly string[] | undefined | null) =>
    typeof value === 'string' ? [value] : [...(value ?? [])];
  return {
    id: found.Id,
    sizeBytes: found.Size,
    cmd: list(config.Cmd),
    entrypoint: list(config.Entrypoint),
    exposedPorts: Object.keys(config.ExposedPorts ?? {})
      .filter((port) => !port.endsWith('/udp'))
      .map((port) => Number.parseInt(port, 10)),
    workingDir: config.WorkingDir,
    user: config.User,
    labels: config.Labels ?? {},
  };
}

/** `a/b:c` in its parts; `latest` without a tag, since the API would pull them all. A digest stays whole. */
function splitTag(reference: string): { repository: string; tag: string } {
  const at = reference.indexOf('@');
  if (at > 0) return { repository: reference.slice(0, at), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(':');
  if (colon <= reference.lastIndexOf('/')) return { repository: reference, tag: 'latest' };
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

async function orThrow<Result>(
  promise: Promise<Result>,
  subject: string,
  signal?: AbortSignal,
): Promise<Result> {
  return await promise.catch((error: unknown) => {
    signal?.throwIfAborted();
    throw engineError(error, subject);
  });
}
