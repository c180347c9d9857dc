// Takes away what tests left that were ended from outside: private engines, installs, objects of the engine. Tests that run,
// also those of others, are left alone. For the end of test/run, which names its directory: processes that have it in their
// command line or environment are ended before. Usage: remove-abandoned.mjs [directory]

import { runnerImport } from 'vite';

const load = async (path) =>
  (
    await runnerImport(new URL(path, import.meta.url).pathname, {
      configFile: false,
      oxc: { target: 'node20' },
    })
  ).module;
const { endProcessesThatTell, removeAbandoned } = await load('./owned-directory.ts');
const [run] = process.argv.slice(2);
if (run !== undefined) endProcessesThatTell(run);
(await load('./private-engine.ts')).removeLeftovers();
removeAbandoned();
(await load('./test-instance.ts')).removeAbandonedObjects();
process.exit();
