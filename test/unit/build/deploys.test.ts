import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createDeploys, type DeployOptions } from '../../../src/build/deploys.js';
import { createLogger } from '../../../src/log.js';
import { destroyApp } from '../../../src/platform/apps.js';
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
