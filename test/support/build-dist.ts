// Compiles src/ to dist/ once before tests that start our programs as processes; `npm run check` judges the types.

import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');

export function setup(): void {
  execFileSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--noCheck'],
    {
      cwd: PROJECT,
      stdio: 'inherit',
    },
  );
  execFileSync(process.execPath, ['scripts/copy-assets.js'], { cwd: PROJECT, stdio: 'inherit' });
}
