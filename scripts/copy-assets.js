// Copies the files that tsc leaves out (SQL migrations, HTML pages, shell hooks) from src/ to dist/.
import { cpSync } from 'node:fs';
import { extname } from 'node:path';

cpSync('src', 'dist', {
  recursive: true,
  filter: (path) => extname(path) !== '.ts',
});
