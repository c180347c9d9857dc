// One build: source -> (buildpacks | Dockerfile | ready image) -> image and process types. Knows nothing of queues or releases.

import type { Engine } from '../engine/engine.js';
import { PaasError, quoteValue } from '../errors.js';
import { type PhaseChecks, parseHealthchecks } from '../platform/app-json.js';
import type { App } from '../platform/apps.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { buildDiskFull, headingOf, OutputWatch } from './build-trouble.js';
import { type BuildpackSettings, runBuildpacks } from './buildpacks.js';
import { buildDockerfile } from './dockerfile.js';
import { assembleImage, formatSlugSize, imageTag } from './image.js';
import { resolveProcessTypes } from './process-types.js';
import { type Source, unpackSource } from './source.js';
import { readSourceFile } from './source-files.js';

/** What is the same for every build on this server. */
export interface BuildSettings extends BuildpackSettings {
  readonly stackRunImage: string;
  readonly maxSourceBytes: number;
  readonly maxSlugBytes: number;
  /** Steps of a Dockerfile run as root in the sandbox of BuildKit: a server can do without. */
  readonly buildsDockerfiles: boolean;
  /** Throws `storage_full` when no build may begin. */
  readonly requireSpace: () => Promise<void>;
  /** Compiled archive-worker.js; undefined for the one beside this code. */
  readonly archiveWorker: string | undefined;
}

export interface Built {
  /** Digest. */
  readonly image: string;
  readonly processTypes: Readonly<Record<string, string>>;
  readonly buildpacks: readonly string[];
  /** What app.json says, by process type. */
  readonly checks: Readonly<Record<string, PhaseChecks>>;
}

type BuiltImage = Omit<Built, 'checks'>;

/** What one build is about. */
export interface BuildJob {
  readonly app: App;
  readonly buildId: string;
  readonly source: Source;
  readonly config: Readonly<Record<string, string>>;
  /** Work directory of this build; the caller removes it. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Removes a container while the deploy goes on: deleting a build's files takes as long as making them did. */
  readonly discard: (containerId: string) => void;
  readonly onStep?: OnStep | undefined;
}

interface BuildRequest extends BuildJob {
  readonly engine: Engine;
  readonly settings: BuildSettings;
}

/** Yields the output; throws PaasError with the reason when there is no image in the end. */
export async function* buildSlug(request: BuildRequest): AsyncGenerator<string, Built> {
  const { source, app, settings, signal, directory } = request;
  await settings.requireSpace();
  if (source.kind === 'image') return { ...(yield* takeImage(request, source.reference)), checks: {} };
  yield* unpackSource({
    source,
    directory,
    maxBytes: settings.maxSourceBytes,
    worker: settings.archiveWorker,
    signal,
  });
  request.onStep?.('source-unpacked');
  const procfile = await readSourceFile(directory, 'Procfile');
  const { checks, warnings } = parseHealthchecks(await readSourceFile(directory, 'app.json'));
  for (const warning of warnings) yield ` !     app.json: ${warning}\n`;
  // Read by nobody here, but later by others: what is no regular file is refused at the door.
  await readSourceFile(directory, '.buildpacks');
  const hasDockerfile = (await readSourceFile(directory, 'Dockerfile')) !== undefined;
  const isDockerfile = app.buildpacks.length === 0 ? hasDockerfile : app.buildpacks.includes('dockerfile');
  if (!isDockerfile) return { ...(yield* buildWithBuildpacks(request, procfile)), checks };
  if (!settings.buildsDockerfiles) {
    throw new PaasError('build_failed', 'This server does not build Dockerfiles.', {
      hint: 'Name buildpacks with: paas buildpacks:set NAME, or deploy an image: paas deploy --image NAME',
    });
  }
  if (!hasDockerfile) {
    throw new PaasError('build_failed', 'There is no Dockerfile in the root of the source.', {
      hint: 'Add one, or clear the buildpacks with: paas buildpacks:clear',
    });
  }
  return { ...(yield* buildWithDockerfile(request, procfile)), checks };
}

async function* buildWithBuildpacks(
  request: BuildRequest,
  procfile: Buffer | undefined,
): AsyncGenerator<string, BuiltImage> {
  const { engine, settings, app, buildId, source, signal } = request;
  // Known to be wrong before minutes of building.
  if (procfile !== undefined) resolveProcessTypes({ builtWith: 'buildpacks', procfile, defaults: {} });
  const result = yield* withDiskExplained(
    runBuildpacks({
      engine,
      settings,
      app,
      buildId,
      suffix: suffixOf(buildId),
      directory: request.directory,
      config: request.config,
      sourceVersion: source.kind === 'git' ? source.commit : '',
      signal,
    }),
  );
  try {
    const { processTypes, output } = resolveProcessTypes({
      builtWith: 'buildpacks',
      procfile,
      defaults: result.defaultProcessTypes,
    });
    yield `${output}-----> Compressing...\n`;
    const { image, slugBytes } = await assembleImage({
      engine,
      instance: settings.instance,
      stackRunImage: settings.stackRunImage,
      maxSlugBytes: settings.maxSlugBytes,
      app,
      buildId,
      suffix: suffixOf(buildId),
      containerId: result.containerId,
      vendor: result.vendor,
      signal,
      discard: request.discard,
    });
    yield `       Done: ${formatSlugSize(slugBytes)}\n`;
    return { image, processTypes, buildpacks: result.buildpacks };
  } finally {
    request.discard(result.containerId);
  }
}

/** Buildpacks end with an exit code when they cannot write; their output says why. */
async function* withDiskExplained<Result>(
  steps: AsyncGenerator<string, Result>,
): AsyncGenerator<string, Result> {
  const watch = new OutputWatch(headingOf);
  try {
    for (;;) {
      const step = await steps.next();
      if (step.done) return step.value;
      watch.read(step.value);
      yield step.value;
    }
  } catch (error) {
    const hasFailed = error instanceof PaasError && error.id === 'build_failed';
    throw hasFailed && watch.hasNoSpace ? buildDiskFull(watch.step) : error;
  } finally {
    // Ends the buildpacks when the reader gave up.
    await steps.return(undefined as Result);
  }
}

async function* buildWithDockerfile(
  request: BuildRequest,
  procfile: Buffer | undefined,
): AsyncGenerator<string, BuiltImage> {
  const { processTypes, output } = resolveProcessTypes({ builtWith: 'dockerfile', procfile, defaults: {} });
  yield '-----> Building the Dockerfile\n';
  const image = yield* buildDockerfile({
    engine: request.engine,
    instance: request.settings.instance,
    stackRunImage: request.settings.stackRunImage,
    caBundle: request.settings.caBundle,
    memoryBytes: request.settings.memoryBytes,
    app: request.app,
    buildId: request.buildId,
    suffix: suffixOf(request.buildId),
    directory: request.directory,
    signal: request.signal,
  });
  yield output;
  return { image, processTypes, buildpacks: ['dockerfile'] };
}

async function* takeImage(request: BuildRequest, reference: string): AsyncGenerator<string, BuiltImage> {
  const { engine, settings, app, buildId, signal } = request;
  // A tag of ours would be the image of someone's app.
  if (!isImageReference(reference) || reference.startsWith(`paas-${settings.instance}/`)) {
    throw new PaasError('invalid_params', `${quoteValue(reference)} is no image reference.`, {
      hint: 'Write it as registry/name:tag or name@sha256:digest.',
    });
  }
  yield `-----> Using image ${reference}\n`;
  const tag = imageTag({ instance: settings.instance, appId: app.id, buildId });
  for (const steps = engine.pullImage(reference, { tag, signal }); ; ) {
    const step = await steps.next();
    if (!step.done) {
      yield `       ${step.value}`;
      continue;
    }
    const image = step.value;
    const { processTypes, output } = resolveProcessTypes({
      builtWith: 'image',
      procfile: undefined,
      defaults: {},
    });
    yield `       Digest: ${image}\n${output}`;
    return { image, processTypes, buildpacks: [] };
  }
}

/** Grammar of https://pkg.go.dev/github.com/distribution/reference, with its lengths; no id of a local image. */
export function isImageReference(text: string): boolean {
  const name = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
  const host = '[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?';
  const pattern = `^(?:${host}/)?${name}(?:/${name})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`;
  // The engine would take these for the id of any image that it has, also of another app.
  const isBareId = /^(sha256:)?[0-9a-f]{12,64}$/.test(text);
  return text.length <= 300 && !text.includes('\n') && !isBareId && new RegExp(pattern).test(text);
}

/** Container names of a build are told apart by what they are for. */
function suffixOf(buildId: string): string {
  return buildId.replaceAll('-', '').slice(0, 12);
}
