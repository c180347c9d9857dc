// Compiles the product, then runs run.ts. Usage: test/nemesis [--seed N] [--minutes M] [--no-build]

import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    'no-build': { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isInteger(seed) || !(minutes > 0)) {
  console.error('usage: test/nemesis [--seed N] [--minutes M] [--no-build]');
  process.exit(2);
}
const load = async (path) =>
  (
    await runnerImport(new URL(path, import.meta.url).pathname, {
      configFile: false,
      oxc: { target: 'node20' },
    })
  ).module;
if (!values['no-build']) (await load('../build-dist.ts')).setup();
const { runNemesis } = await load('./run.ts');
try {
  process.exitCode = (await runNemesis({ seed, minutes })) ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
process.exit();
