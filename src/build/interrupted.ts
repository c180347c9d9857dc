// What a daemon that ended in the middle of builds left behind on the engine.

import { LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import type { Logger } from '../log.js';

/**
 * At start, before any build: removes the containers of builds that nobody works on. Returns how many there were. What
 * the engine cannot remove keeps nobody from starting; a sweep tries again.
 */
export async function removeBuildContainers(
  engine: Pick<Engine, 'listContainers' | 'removeContainer'>,
  log: Logger,
): Promise<number> {
  const containers = (await engine.listContainers()).filter((container) =>
    ['build', 'image-assembly'].includes(container.labels[LABEL.role] ?? ''),
  );
  for (const { id } of containers) {
    await engine.removeContainer(id).catch((error: unknown) => {
      log.warn({ err: error, container: id }, 'a container of an earlier build was not removed');
    });
  }
  return containers.length;
}
