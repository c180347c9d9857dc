import type { ApiDynoSettings } from '../../api-types.js';
import { usageError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas ps:cycle [on|off]`: without arguments it shows how it is. */
export const command = defineCommand({
  summary: 'show or set whether dynos are replaced once a day',
  args: '[on|off]',
  arity: [0, 1],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas ps:cycle on --app example',
  async run(session, { args: [wish], flags }) {
    const { terminal } = session;
    if (wish !== undefined && wish !== 'on' && wish !== 'off') {
      throw usageError(`"${wish}" is neither on nor off.`);
    }
    const app = await session.app(flags);
    const api = await session.api();
    const path = `/apps/${app}/dyno-settings`;
    if (wish === undefined) {
      const { cycling } = await api.request<ApiDynoSettings>('GET', path);
      if (flags.json) return printJson(terminal, { cycling });
      return print(terminal, cycling ? 'on: each dyno is replaced after 24 hours' : 'off');
    }
    const { cycling } = await action(
      terminal,
      `${wish === 'on' ? 'Enabling' : 'Disabling'} daily cycling on ${app}`,
      () => api.request<ApiDynoSettings>('PATCH', path, { json: { cycling: wish === 'on' } }),
    );
    if (flags.json) printJson(terminal, { cycling });
  },
});
