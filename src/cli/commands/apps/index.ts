import type { ApiAccount, ApiApp } from '../../api-types.js';
import { defineCommand, jsonFlag } from '../../command.js';
import { formatTable } from '../../format.js';
import { print, printHeader, printJson } from '../../terminal.js';

/** `paas apps` */
export const command = defineCommand({
  summary: 'list your apps',
  flags: { ...jsonFlag, all: { type: 'boolean', short: 'A', summary: 'include apps that others own' } },
  example: 'paas apps',
  async run(session, { flags }) {
    const api = await session.api();
    const [account, apps] = await Promise.all([
      api.request<ApiAccount>('GET', '/account'),
      api.list<ApiApp>(flags.all ? '/apps' : '/users/~/apps'),
    ]);
    if (flags.json) return printJson(session.terminal, apps);
    if (apps.length === 0) return print(session.terminal, 'You have no apps.');
    const byName = apps.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const mine = byName.filter((app) => app.owner.email === account.email);
    const others = byName.filter((app) => app.owner.email !== account.email);
    if (mine.length > 0) {
      printHeader(session.terminal, `${account.email} Apps`);
      for (const app of mine) print(session.terminal, app.name);
      if (others.length > 0) print(session.terminal);
    }
    if (others.length > 0) {
      printHeader(session.terminal, 'Collaborated Apps');
      for (const line of formatTable(others.map((app) => [app.name, app.owner.email])))
        print(session.terminal, line);
    }
  },
});
