import type { ApiDomain } from '../../api-types.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { action, note, printJson } from '../../terminal.js';

/** `paas domains:add HOSTNAME` */
export const command = defineCommand({
  summary: 'add a domain to an app',
  args: 'HOSTNAME',
  arity: [1, 1],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas domains:add www.example.com --app example',
  async run(session, { args: [hostname = ''], flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const domain = await action(terminal, `Adding ${hostname} to ${app}`, () =>
      api.request<ApiDomain>('POST', `/apps/${app}/domains`, { json: { hostname, sni_endpoint: null } }),
    );
    if (flags.json) return printJson(terminal, domain);
    if (domain.cname !== null)
      note(terminal, `Configure your DNS provider to point ${hostname} to ${domain.cname}`);
  },
});
