// Takes away what tests left that were ended from outside: private engines, installs, objects of the engine. Tests that run,
// also those of others, are left alone. For the end of test/run.

import { runnerImport } from 'vite';

const load = async (path) =>
  (
    await runnerImport(new URL(path, import.meta.url).pathname, {
      configFile: false,
      oxc: { target: 'node20' },
    })
  ).module;
(await load('./private-engine.ts')).removeLeftovers();
(await load('./owned-directory.ts')).removeAbandoned();
(await load('./test-instance.ts')).removeAbandonedObjects();
process.exit();
