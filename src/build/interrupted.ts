// What a daemon that ended in the middle of builds left behind.

import { appendFile } from 'node:fs/promises';
import type { Database } from '../db/database.js';
import { LABEL } from '../engine/container-spec.js';
import type { Engine } from '../engine/engine.js';
import { finishBuild, listUnfinishedBuilds } from '../platform/builds.js';
import { outputPath } from './output.js';

/** At start, before any build: marks builds as failed that nobody works on, and removes their containers. Fine to call twice. */
export async function failInterruptedBuilds(options: {
  db: Database;
  engine: Engine;
  buildsDirectory: string;
}): Promise<{ builds: number; containers: number }> {
  const error = 'The build was interrupted by a restart of the platform.';
  const builds = listUnfinishedBuilds(options.db);
  for (const build of builds) {
    finishBuild(options.db, { id: build.id, status: 'failed', error });
    const text = `\n !     ${error}\n !     Deploy again.\n`;
    await appendFile(outputPath(options.buildsDirectory, build.id), text, { mode: 0o600 });
  }
  const containers = (await options.engine.listContainers()).filter((container) =>
    ['build', 'image-assembly'].includes(container.labels[LABEL.role] ?? ''),
  );
  for (const container of containers) await options.engine.removeContainer(container.id);
  return { builds: builds.length, containers: containers.length };
}
