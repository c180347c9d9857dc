import type { ApiCheck } from '../../api-types.js';
import { formatChecks } from '../../checks.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { print, printJson } from '../../terminal.js';

/** `paas checks` */
export const command = defineCommand({
  summary: 'show how the dynos of an app are checked',
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas checks --app example',
  async run(session, { flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const checks = await api.list<ApiCheck>(`/apps/${app}/checks`);
    if (flags.json) return printJson(terminal, checks);
    if (checks.length === 0) return print(terminal, `No process types on ${app}.`);
    for (const line of formatChecks(checks)) print(terminal, line);
  },
});
