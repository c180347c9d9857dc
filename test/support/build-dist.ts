// Compiles src/ to dist/ before tests that start our programs as processes, once for all projects of a run; `npm run check`
// judges the types.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');
/** As old as what dist/ was last compiled from. */
const STAMP = join(PROJECT, 'dist/.compiled-for-tests');

export function setup(): void {
  const startedAt = new Date();
  if (existsSync(STAMP) && statSync(STAMP).mtimeMs > newestSourceMs()) return;
  execFileSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--noCheck'],
    {
      cwd: PROJECT,
      stdio: 'inherit',
    },
  );
  execFileSync(process.execPath, ['scripts/copy-assets.js'], { cwd: PROJECT, stdio: 'inherit' });
  writeFileSync(STAMP, '');
  utimesSync(STAMP, startedAt, startedAt);
}

/** When a source was last written, or a name in a folder of them changed. */
function newestSourceMs(): number {
  const sources = readdirSync(join(PROJECT, 'src'), { recursive: true, encoding: 'utf8' });
  const paths = ['src', 'tsconfig.json', 'tsconfig.build.json', 'scripts/copy-assets.js'];
  return Math.max(
    ...[...paths, ...sources.map((name) => join('src', name))].map(
      (path) => statSync(join(PROJECT, path)).mtimeMs,
    ),
  );
}
