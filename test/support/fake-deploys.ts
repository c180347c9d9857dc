// A stand-in for the build room, for tests of the two ways in: each deploy prints what it is told to and ends so.

import type { DeployOutcome, Deploys, RunningDeploy } from '../../src/build/deploys.js';
import type { Source } from '../../src/build/source.js';
import type { Database } from '../../src/db/database.js';
import type { BuildId } from '../../src/ids.js';
import type { Account } from '../../src/platform/accounts.js';
import type { App } from '../../src/platform/apps.js';
import { createBuild, finishBuild, startBuild } from '../../src/platform/builds.js';
import { createDeployRelease } from '../../src/platform/releases.js';

/** What a deploy does: yields its output, returns whether it ends in a release. */
export type Script = (deploy: {
  source: Source;
  app: App;
  signal: AbortSignal;
}) => AsyncGenerator<string, 'released' | 'failed'>;

export interface FakeDeploys extends Deploys {
  /** What deploys do from now on. */
  script: Script;
  readonly started: { source: Source; app: App; buildId: BuildId }[];
  readonly canceled: string[];
}

export const succeed: Script = async function* () {
  yield '-----> Building\n';
  yield '       done ✓\n';
  return 'released';
};

export const fail: Script = async function* () {
  yield '-----> Building\n';
  yield ' !     It does not compile\n';
  return 'failed';
};

export function createFakeDeploys(db: Database): FakeDeploys {
  const running = new Map<string, RunningDeploy>();
  const outputs = new Map<string, Output>();
  const fake: FakeDeploys = {
    script: succeed,
    stop: async () => undefined,
    started: [],
    canceled: [],
    find: (id) => running.get(id),
    readOutput: (id) => (outputs.get(id) ?? new Output()).read(),
    start({ app, by, source }) {
      const commit = source.kind === 'git' ? source.commit : undefined;
      const build = createBuild(db, { app, by, sourceKind: source.kind, commit });
      const output = new Output();
      const canceling = new AbortController();
      fake.started.push({ source, app, buildId: build.id });
      outputs.set(build.id, output);
      const done = run(db, { script: fake.script, app, by, source, id: build.id, output, canceling }).finally(
        () => running.delete(build.id),
      );
      const deploy: RunningDeploy = {
        buildId: build.id,
        output: () => output.read(),
        done,
        async cancel(reason) {
          fake.canceled.push(reason);
          canceling.abort();
          await done;
        },
      };
      running.set(build.id, deploy);
      return deploy;
    },
  };
  return fake;
}

async function run(
  db: Database,
  deploy: {
    script: Script;
    app: App;
    by: Account;
    source: Source;
    id: BuildId;
    output: Output;
    canceling: AbortController;
  },
): Promise<DeployOutcome> {
  const { app, by, source, id, output, canceling } = deploy;
  const { signal } = canceling;
  startBuild(db, id);
  const steps = deploy.script({ source, app, signal });
  let ending: 'released' | 'failed' | 'canceled' = 'canceled';
  while (!signal.aborted) {
    const step = await steps.next();
    if (signal.aborted) break;
    if (step.done) {
      ending = step.value;
      break;
    }
    output.add(step.value);
  }
  if (ending !== 'released') {
    finishBuild(db, { id, status: ending, error: ending });
    output.end();
    return ending === 'failed' ? { kind: 'failed', message: 'It does not compile' } : { kind: 'canceled' };
  }
  const release = createDeployRelease(db, {
    app,
    by,
    image: `sha256:${'0'.repeat(64)}`,
    commit: source.kind === 'git' ? source.commit : undefined,
    buildId: id,
    processTypes: { web: 'npm start', worker: 'npm run work' },
    buildpacks: [],
    description: 'Deploy',
  });
  finishBuild(db, { id, status: 'succeeded', releaseId: release.id });
  output.end();
  return { kind: 'released', release };
}

class Output {
  readonly #chunks: string[] = [];
  #isOver = false;
  #wake: (() => void)[] = [];

  add(text: string): void {
    this.#chunks.push(text);
    this.#tell();
  }

  end(): void {
    this.#isOver = true;
    this.#tell();
  }

  async *read(): AsyncGenerator<string> {
    for (let index = 0; ; index += 1) {
      while (index >= this.#chunks.length) {
        if (this.#isOver) return;
        await new Promise<void>((resolve) => this.#wake.push(resolve));
      }
      yield this.#chunks[index] ?? '';
    }
  }

  #tell(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
