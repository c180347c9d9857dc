import type { ApiCheck } from '../../api-types.js';
import { formatChecks } from '../../checks.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas checks:unset TYPE` */
export const command = defineCommand({
  summary: 'go back to the checks of app.json, or to the default',
  args: 'TYPE',
  arity: [1, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    startup: { type: 'boolean', summary: 'only the check before a dyno is up' },
    liveness: { type: 'boolean', summary: 'only the checks while it is up' },
  },
  example: 'paas checks:unset web --app example',
  async run(session, { args: [type = ''], flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const phase = flags.startup === flags.liveness ? '' : `?phase=${flags.startup ? 'startup' : 'liveness'}`;
    const api = await session.api();
    const checks = await action(terminal, `Unsetting checks of ${type} on ${app}`, () =>
      api.request<ApiCheck[]>('DELETE', `/apps/${app}/checks/${encodeURIComponent(type)}${phase}`),
    );
    if (flags.json) return printJson(terminal, checks);
    for (const line of formatChecks(checks)) print(terminal, line);
  },
});
