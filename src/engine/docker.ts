// The Engine on Docker (API 1.41 or newer) over its Unix socket. Containers, images, and networks with volumes each have
// their file; here they are put together. Every object made carries the instance label, every list is filtered by it, and
// nothing without it is removed. Docker's error texts never leave this room (docker-errors.ts).

import Docker from 'dockerode';
import type { Logger } from '../log.js';
import { boundCalls, callLimitMs } from './bounded-calls.js';
import type { BuildCpu } from './build-cpu.js';
import { createContainerCalls } from './docker-containers.js';
import { engineError } from './docker-errors.js';
import { createImageCalls } from './docker-images.js';
import { createNetworkCalls } from './docker-networks.js';
import { createStorageCalls } from './docker-storage.js';
import type { Engine } from './engine.js';
import { checkEngineVersion } from './engine-version.js';

/** Connects to the engine. Nothing is sent until the first call; safe to make more than one. */
export function createDockerEngine(options: {
  socketPath: string;
  instance: string;
  /** See open-files.ts. */
  maxOpenFiles: number;
  /** Builds get no more than a small weight without it. */
  buildCpu?: BuildCpu | undefined;
  log: Logger;
  /** When a call counts as not answered; undefined: as in production. */
  limitOf?: typeof callLimitMs | undefined;
}): Engine {
  const { instance, maxOpenFiles, buildCpu, log, limitOf = callLimitMs } = options;
  // `host: ''` keeps dockerode from taking DOCKER_HOST of the environment.
  const docker = new Docker({ socketPath: options.socketPath, host: '', protocol: 'http' });
  boundCalls(docker.modem, limitOf);
  return {
    ping: (pingOptions) => ping(docker, pingOptions?.signal),
    ...createContainerCalls({ docker, instance, maxOpenFiles, buildCpu, log, limitOf }),
    ...createImageCalls({ docker, instance, buildCpu }),
    ...createNetworkCalls({ docker, instance }),
    ...createStorageCalls({ docker, instance }),
  };
}

async function ping(docker: Docker, signal: AbortSignal | undefined) {
  signal?.throwIfAborted();
  const version = await docker.version().catch((error: unknown) => {
    throw engineError(error, 'version');
  });
  return checkEngineVersion(version);
}
