// Dockerfile builds with the BuildKit in the engine.

import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { PaasError } from '../errors.js';
import type { BuildCpu } from './build-cpu.js';
import { markerHost, readStep } from './build-steps.js';
import { BuildkitPrinter, decodeBuildkitTrace } from './buildkit-trace.js';
import { BUILD_PIDS } from './container-spec.js';
import { CONTROL_GROUPS } from './control-groups.js';
import { readJsonLines } from './docker-calls.js';
import { engineError } from './docker-errors.js';
import type { DockerfileBuild } from './engine.js';
import { failedStep, isSameStep, outOfMemory } from './out-of-memory.js';
import { type StepWatch, watchSteps } from './step-limits.js';

interface Builder {
  readonly docker: Docker;
  readonly instance: string;
  readonly buildCpu: BuildCpu | undefined;
}

/** Yields BuildKit's output in whole lines, returns the image's digest. Throws `build_failed`. Closes the context. */
export async function* buildImage(
  builder: Builder,
  context: Readable,
  options: DockerfileBuild,
): AsyncGenerator<string, string> {
  try {
    return yield* runBuild(builder, context, options);
  } finally {
    // One that was not read to its end would keep its files open.
    context.destroy();
  }
}

async function* runBuild(
  builder: Builder,
  context: Readable,
  options: DockerfileBuild,
): AsyncGenerator<string, string> {
  const stream = await start(builder, context, options);
  const steps = await followSteps(builder, options).catch((error: unknown) => {
    stop(stream);
    throw engineError(error, 'the Dockerfile build');
  });
  const printer = new BuildkitPrinter();
  let digest: string | undefined;
  try {
    for await (const message of readJsonLines(stream)) {
      if (message['id'] === 'moby.buildkit.trace') {
        const text = printer.print(decodeBuildkitTrace(String(message['aux'] ?? '')));
        if (text !== '') yield text;
      }
      digest = digestOf(message) ?? digest;
      if (typeof message['error'] === 'string')
        throw buildFailure(message['error'], { ...steps.stop(), limitBytes: options.memoryBytes });
    }
  } catch (error) {
    options.signal.throwIfAborted();
    throw engineError(error, 'the Dockerfile build');
  } finally {
    steps.stop();
    stop(stream);
  }
  if (digest === undefined)
    throw new PaasError('build_failed', 'The Dockerfile build ended without an image.');
  return digest;
}

async function start(
  { docker, instance }: Builder,
  context: Readable,
  options: DockerfileBuild,
): Promise<Readable> {
  const reply = docker.buildImage(context, {
    version: '2',
    dockerfile: options.dockerfile,
    t: options.tag,
    labels: options.labels,
    buildargs: options.buildArgs,
    extrahosts: `${markerHost(instance)}:127.0.0.1`,
    rm: true,
    abortSignal: options.signal,
  }) as Promise<Readable>;
  return await reply.catch((error: unknown) => {
    options.signal.throwIfAborted();
    throw engineError(error, 'the Dockerfile build');
  });
}

/** dockerode ends its BuildKit session on this event, which an aborted stream does not send. */
function stop(stream: Readable): void {
  if (!stream.readableEnded) stream.emit('end');
  stream.destroy();
}

async function followSteps(
  { docker, instance, buildCpu }: Builder,
  { memoryBytes, cpus }: DockerfileBuild,
): Promise<StepWatch> {
  // Known before the first step is looked at.
  await buildCpu?.state();
  const { DockerRootDir: dataRoot }: { DockerRootDir: string } = await docker.info();
  return watchSteps(
    { memoryBytes, cpus, pids: BUILD_PIDS },
    {
      root: CONTROL_GROUPS,
      ownerOf: (id) => readStep({ dataRoot, id, instance }),
      takeCpu: (step) => buildCpu?.takeStep(step) ?? false,
    },
  );
}

function digestOf(message: Record<string, unknown>): string | undefined {
  const aux = message['aux'];
  if (message['id'] !== 'moby.image.id' || typeof aux !== 'object' || aux === null) return undefined;
  return 'ID' in aux ? String(aux.ID) : undefined;
}

/** BuildKit's text names the failed step and quotes the Dockerfile, which are the user's own. */
function buildFailure(
  text: string,
  memory: { outOfMemory: readonly string[]; limitBytes: number },
): PaasError {
  const failed = failedStep(text);
  const ranOut = memory.outOfMemory.some((command) => isSameStep(command, failed?.step));
  if (failed !== undefined && (failed.wasKilled || ranOut))
    return outOfMemory({ step: failed.step, limitBytes: memory.limitBytes });
  if (/no space left on device/i.test(text)) return engineError(new Error(text), 'the Dockerfile build');
  return new PaasError('build_failed', text.slice(0, 2000));
}
