// The files that HAProxy starts with: its configuration, maps and error pages. Each is replaced whole, so that HAProxy
// never reads a half one.

import { statSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RenderedRouter } from './config.js';
import { checkConfigFile } from './haproxy-process.js';
import { CONFIG_FILE } from './settings.js';

export interface RouterFiles {
  /**
   * Writes what changed; with `isChecked` everything, and the configuration only when HAProxy accepts it: throws with
   * its complaint otherwise.
   */
  write(wanted: RenderedRouter, options: { isChecked: boolean }): Promise<void>;
  /** Makes the next `write` write everything. */
  forget(): void;
}

/** The files in the folder `dir`. */
export function createRouterFiles({ dir, haproxyPath }: { dir: string; haproxyPath: string }): RouterFiles {
  const configPath = join(dir, CONFIG_FILE);
  /** Path -> content, since everything was written. */
  const written = new Map<string, string>();
  /** Of the configuration as it was written: somebody may have changed it since, or removed it. */
  let configMark: string | undefined;

  const writeOne = async (path: string, content: string): Promise<void> => {
    if (written.get(path) === content) return;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, content, { mode: 0o600 });
    await rename(`${path}.new`, path);
    written.set(path, content);
  };

  return {
    async write(wanted, { isChecked }) {
      if (isChecked) written.clear();
      for (const { file, content } of wanted.files) await writeOne(join(dir, file), content);
      if (written.get(configPath) === wanted.config && mark(configPath) === configMark) return;
      const draft = `${configPath}.new`;
      await writeFile(draft, wanted.config, { mode: 0o600 });
      if (isChecked) await checkConfigFile(haproxyPath, draft);
      await rename(draft, configPath);
      written.set(configPath, wanted.config);
      configMark = mark(configPath);
    },
    forget: () => written.clear(),
  };
}

/** Another text when the file is another, or was written to; undefined when it is not there. */
function mark(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.ino} ${found.mtimeMs} ${found.size}`;
}
