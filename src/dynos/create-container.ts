// Creates the containers that run a release: dynos, one-offs, the release phase. What is the same for the three is
// gathered here; how the container looks is container-spec.ts' to say.

import type { Database } from '../db/database.js';
import type { ContainerSpec, ReleaseContainerRequest } from '../engine/container-spec.js';
import type { Engine, ImageDetails } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { App } from '../platform/apps.js';
import { getReleaseConfig, type Release } from '../platform/releases.js';
import { dynoName } from './dyno.js';
import { commandFor, dynoEnvironment } from './environment.js';

export interface CreateContainerDeps {
  readonly db: Database;
  readonly engine: Pick<Engine, 'createContainer' | 'inspectImage'>;
  readonly settings: { readonly instance: string; readonly network: string; readonly pidsLimit: number };
  /** Makes a name unique: 12 hex digits. */
  readonly newSuffix: () => string;
}

/** What is to run, and as what. */
export interface ContainerWish {
  readonly app: App;
  readonly release: Release;
  readonly type: string;
  readonly number: number;
  /** A string goes through the shell, a list is program and arguments; empty is the image's own. */
  readonly command: string | readonly string[];
  /** Added to the config vars of the release. */
  readonly env?: Readonly<Record<string, string>>;
  readonly hasPort: boolean;
  readonly memoryBytes: number;
  /** A fixed address; without one the engine gives one. */
  readonly ip?: string | undefined;
}

/** A container that exists and does not run yet. */
export interface CreatedContainer {
  readonly containerId: string;
  /** What it will run, in one line. */
  readonly command: string;
}

/** The image of a release is not there any more: no later try can run it. */
export class ImageGoneError extends PaasError {}

/** Creates the container with one of the specs of container-spec.ts. Throws ImageGoneError, and what the engine throws. */
export async function createContainer(
  deps: CreateContainerDeps,
  wish: ContainerWish,
  toSpec: (request: ReleaseContainerRequest) => ContainerSpec,
): Promise<CreatedContainer> {
  const { app, release, type, number, command } = wish;
  const image = await imageOf(deps.engine, release);
  const spec = toSpec({
    instance: deps.settings.instance,
    app: { id: app.id, name: app.name },
    suffix: deps.newSuffix(),
    image: image.id,
    release: release.version,
    type,
    number,
    imageUser: image.user,
    ...commandFor(command, image),
    env: dynoEnvironment({
      app,
      release,
      config: { ...getReleaseConfig(deps.db, release.id), ...wish.env },
      dyno: dynoName({ type, number }),
      hasPort: wish.hasPort,
    }),
    memoryBytes: wish.memoryBytes,
    pidsLimit: deps.settings.pidsLimit,
    network: { name: deps.settings.network, ip: wish.ip },
  });
  const containerId = await deps.engine.createContainer(spec);
  const line = typeof command === 'string' ? command : command.join(' ');
  return { containerId, command: line || image.cmd.join(' ') };
}

async function imageOf(engine: Pick<Engine, 'inspectImage'>, release: Release): Promise<ImageDetails> {
  try {
    if (release.image === undefined) throw new PaasError('not_found', 'The release has no image.');
    return await engine.inspectImage(release.image);
  } catch (error) {
    if (!(error instanceof PaasError && error.id === 'not_found')) throw error;
    throw new ImageGoneError('not_found', `The image of v${release.version} is gone from the server.`, {
      hint: 'Deploy again, or go back with: paas rollback',
      cause: error,
    });
  }
}
