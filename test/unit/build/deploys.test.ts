import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createDeploys, type DeployOptions } from '../../../src/build/deploys.js';
import { storeSource } from '../../../src/build/source.js';
import { PaasError } from '../../../src/errors.js';
import { createLogger } from '../../../src/log.js';
import { destroyApp } from '../../../src/platform/apps.js';
import { createBuild, listUnfinishedBuilds, startBuild } from '../../../src/platform/builds.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

it('ends a deploy whose app is destroyed meanwhile, without a rejection', async () => {
  using test = openTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'paas-deploys-'));
  const { app, by } = addApp(test.db);
  // Never reached: the build is gone before its turn.
  const unreached = {} as Pick<DeployOptions, 'build' | 'check' | 'removeContainer' | 'branches' | 'release'>;
  const deploys = createDeploys({
    ...unreached,
    db: test.db,
    log: createLogger({ level: 'silent', isTty: false, name: 'test' }),
    timing: { concurrency: 1, timeoutMs: 10_000 },
    directories: { builds: directory, tmp: directory, uploads: directory },
    writeLog: () => undefined,
  });
  const deploy = deploys.start({ app, by, source: { kind: 'image', reference: 'example' } });
  destroyApp(test.db, { app });
  expect((await deploy.done).kind).toBe('canceled');
  await rm(directory, { recursive: true });
});

it('takes up the queue of the daemon before although nothing can be written, so that the daemon starts', async () => {
  using test = openTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'paas-deploys-'));
  const { app, by } = addApp(test.db);
  const source = storeSource({ kind: 'image', reference: 'example' });
  const build = createBuild(test.db, { app, by, sourceKind: 'image', source });
  startBuild(test.db, build.id);
  const unreached = {} as Pick<DeployOptions, 'check' | 'removeContainer' | 'branches' | 'release'>;
  const deploys = createDeploys({
    ...unreached,
    // biome-ignore lint/correctness/useYield: what has no room does not even begin
    async *build() {
      throw new PaasError('storage_full', 'The server is low on disk space.');
    },
    db: test.db,
    log: createLogger({ level: 'silent', isTty: false, name: 'test' }),
    timing: { concurrency: 1, timeoutMs: 10_000 },
    directories: { builds: directory, tmp: directory, uploads: directory },
    writeLog: () => undefined,
  });
  test.db.sql.pragma('query_only = on');
  await deploys.resume();
  const outcome = await deploys.find(build.id)?.done;
  expect(outcome).toMatchObject({ kind: 'failed' });
  test.db.sql.pragma('query_only = off');
  // The next daemon finds it still.
  expect(listUnfinishedBuilds(test.db).map(({ id }) => id)).toEqual([build.id]);
  await rm(directory, { recursive: true });
});
