// Takes away what tests left that were ended from outside: installs and private engines. For the end of test/run.

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
process.exit();
