// One change of config vars, as `config:set`, `config:unset` and `config:edit` make it.

import type { ApiClient } from './api-client.js';
import { newestRelease } from './releases.js';
import { action, type Terminal, warn } from './terminal.js';

/** Changes config vars in one release (null removes) and says which; answers all vars afterwards. */
export async function changeConfig(
  terminal: Terminal,
  api: ApiClient,
  change: { app: string; updates: Readonly<Record<string, string | null>>; verb: 'Setting' | 'Unsetting' },
): Promise<Record<string, string>> {
  const { app, updates, verb } = change;
  const { config, release } = await action(
    terminal,
    `${verb} ${Object.keys(updates).join(', ')} and restarting ${app}`,
    async () => ({
      config: await api.request<Record<string, string>>('PATCH', `/apps/${app}/config-vars`, {
        json: updates,
      }),
      release: await newestRelease(api, app),
    }),
    ({ release }) => `done, v${release.version}`,
  );
  if (release.status === 'pending') {
    warn(
      terminal,
      `Release command executing: this config change will not be available until the command succeeds. Use "paas releases:output -a ${app}" to view the log.`,
    );
  }
  return config;
}
