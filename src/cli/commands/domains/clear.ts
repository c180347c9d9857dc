import type { ApiDomain } from '../../api-types.js';
import { appFlags, defineCommand } from '../../command.js';
import { plural } from '../../format.js';
import { action } from '../../terminal.js';

/** `paas domains:clear` */
export const command = defineCommand({
  summary: 'remove all custom domains of an app',
  flags: { ...appFlags },
  example: 'paas domains:clear --app example',
  async run(session, { flags }) {
    const app = await session.app(flags);
    const api = await session.api();
    await action(
      session.terminal,
      `Removing all domains from ${app}`,
      async () => {
        const domains = await api.list<ApiDomain>(`/apps/${app}/domains`);
        const custom = domains.filter(({ kind }) => kind === 'custom');
        for (const { hostname } of custom) {
          await api.request('DELETE', `/apps/${app}/domains/${encodeURIComponent(hostname)}`);
        }
        return custom.length;
      },
      (count) => `done, ${plural(count, 'domain')}`,
    );
  },
});
