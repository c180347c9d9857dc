// What a daemon that ended in the middle of builds left behind on the engine.

import { LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';

/** At start, before any build: removes the containers of builds that nobody works on. Returns how many. */
export async function removeBuildContainers(engine: Engine): Promise<number> {
  const containers = (await engine.listContainers()).filter((container) =>
    ['build', 'image-assembly'].includes(container.labels[LABEL.role] ?? ''),
  );
  for (const container of containers) await engine.removeContainer(container.id);
  return containers.length;
}
