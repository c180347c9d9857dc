import type { ApiApp } from '../../api-types.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { print, printJson } from '../../terminal.js';

/** `paas maintenance` */
export const command = defineCommand({
  summary: 'show whether an app is in maintenance mode',
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas maintenance --app example',
  async run(session, { flags }) {
    const name = await session.app(flags);
    const api = await session.api();
    const { maintenance } = await api.request<ApiApp>('GET', `/apps/${name}`);
    if (flags.json) printJson(session.terminal, { maintenance });
    else print(session.terminal, maintenance ? 'on' : 'off');
  },
});
