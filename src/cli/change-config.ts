// One change of config vars, as `config:set`, `config:unset` and `config:edit` make it.

import type { ApiClient } from './api-client.js';
import { newestRelease } from './releases.js';
import { action, type Terminal } from './terminal.js';

/** Changes config vars in one release (null removes) and says which; answers all vars afterwards. */
export async function changeConfig(
  terminal: Terminal,
  api: ApiClient,
  change: { app: string; updates: Readonly<Record<string, string | null>>; verb: 'Setting' | 'Unsetting' },
): Promise<Record<string, string>> {
  const { app, updates, verb } = change;
  const { config } = await action(
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
  return config;
}
