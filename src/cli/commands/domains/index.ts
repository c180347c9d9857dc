import type { ApiDomain } from '../../api-types.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatTable } from '../../format.js';
import { paint, print, printHeader, printJson, warn } from '../../terminal.js';

/** `paas domains` */
export const command = defineCommand({
  summary: 'list the domains of an app',
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas domains --app example',
  async run(session, { flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const domains = await api.list<ApiDomain>(`/apps/${app}/domains`);
    if (flags.json) return printJson(terminal, domains);
    printHeader(terminal, `${app} Domain`);
    for (const domain of domains.filter(({ kind }) => kind === 'heroku')) print(terminal, domain.hostname);
    const custom = domains.filter(({ kind }) => kind === 'custom');
    if (custom.length > 0) {
      print(terminal);
      printHeader(terminal, `${app} Custom Domains`);
      const heading = ['Domain Name', 'DNS Target'].map((text) => paint(terminal.hasColors, 'bold', text));
      const rows = custom.map((domain) => [domain.hostname, domain.cname ?? '']);
      for (const line of formatTable([heading, ...rows])) print(terminal, line);
    }
    for (const { hostname, shadowed_by: holder } of domains) {
      if (holder !== null) warn(terminal, `${hostname} leads to ${holder}, not to ${app}`);
    }
  },
});
