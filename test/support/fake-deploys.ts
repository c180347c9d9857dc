// The deploys with everything real but the builder, for tests of the two ways in: each build prints what it is told to
// and ends so.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { createDeploys, type Deploys } from '../../src/build/deploys.js';
import type { Branches, Source } from '../../src/build/source.js';
import type { Database } from '../../src/db/database.js';
import { PaasError } from '../../src/errors.js';
import type { App } from '../../src/platform/apps.js';

/** What a deploy does: yields its output, returns whether it ends in a release. */
export type Script = (deploy: {
  source: Source;
  app: App;
  signal: AbortSignal;
}) => AsyncGenerator<string, 'released' | 'failed'>;

export interface FakeDeploys extends Deploys {
  /** What deploys do from now on. */
  script: Script;
  /** Builds that began, in their order. */
  readonly started: { source: Source; app: App; buildId: string }[];
  /** Why builds were ended before their end. */
  readonly canceled: string[];
}

export const succeed: Script = async function* () {
  yield '-----> Building\n';
  yield '       done ✓\n';
  return 'released';
};

export const fail: Script = async function* () {
  yield '-----> Tiny app detected\n';
  yield '-----> Building\n';
  yield ' !     It does not compile\n';
  return 'failed';
};

/** Deploys that keep their files in `directory`. */
export function createFakeDeploys(options: {
  db: Database;
  directory: string;
  branches: Branches;
  concurrency?: number;
}): FakeDeploys {
  const { db, directory, branches, concurrency = 20 } = options;
  const directories = {
    builds: join(directory, 'builds'),
    tmp: join(directory, 'tmp'),
    uploads: join(directory, 'uploads'),
  };
  for (const path of Object.values(directories)) mkdirSync(path, { recursive: true });
  const state = {
    script: succeed,
    started: [] as { source: Source; app: App; buildId: string }[],
    canceled: [] as string[],
  };
  const deploys = createDeploys({
    db,
    log: pino({ level: process.env['TEST_LOG'] ?? 'silent' }),
    async *build({ source, app, buildId, signal }) {
      state.started.push({ source, app, buildId });
      signal.addEventListener('abort', () => state.canceled.push(String(signal.reason)));
      const steps = state.script({ source, app, signal });
      for (;;) {
        const step = await steps.next();
        signal.throwIfAborted();
        if (!step.done) {
          yield step.value;
          continue;
        }
        if (step.value === 'failed') throw new PaasError('build_failed', 'It was told to fail.');
        return {
          image: `sha256:${'0'.repeat(64)}`,
          processTypes: { web: 'npm start', worker: 'npm run work' },
          buildpacks: ['tiny'],
          checks: {},
        };
      }
    },
    check: async () => undefined,
    removeContainer: async () => undefined,
    branches,
    timing: { concurrency, timeoutMs: 60_000 },
    directories,
    writeLog: () => undefined,
    release: {
      // biome-ignore lint/correctness/useYield: a rollout that has nothing to say.
      async *rollout() {
        return { kind: 'live' };
      },
      appUrl: (app) => `http://${app.name}.localhost/`,
    },
  });
  return Object.assign(state, deploys);
}
