// The archive check runs as a child of plain Node, which cannot read TypeScript: bundled once per test file.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** Path of the compiled worker. `remove` deletes it. */
export async function compileArchiveWorker(): Promise<{ path: string; remove: () => Promise<void> }> {
  const root = new URL('../../', import.meta.url).pathname;
  const directory = await mkdtemp(join(root, 'node_modules/.archive-worker-'));
  const path = join(directory, 'archive-worker.mjs');
  const bundle = await rolldown({
    input: join(root, 'src/build/archive-worker.ts'),
    platform: 'node',
    // Node 20 has no `await using` of its own.
    transform: { target: 'es2023' },
    external: /^tar-/,
  });
  await bundle.write({ file: path, format: 'esm' });
  await bundle.close();
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}
