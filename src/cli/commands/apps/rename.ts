import type { ApiApp } from '../../api-types.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { remoteUrl, renameRemotes } from '../../git-remotes.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas apps:rename NEW`: also points the git remotes here to the new name. */
export const command = defineCommand({
  summary: 'give an app another name',
  args: 'NEW_NAME',
  arity: [1, 1],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas apps:rename better --app example',
  async run(session, { args: [newName = ''], flags }) {
    const { terminal, cwd } = session;
    const from = await session.app(flags);
    const api = await session.api();
    const app = await action(terminal, `Renaming ${from} to ${newName}`, () =>
      api.request<ApiApp>('PATCH', `/apps/${from}`, { json: { name: newName } }),
    );
    await renameRemotes(cwd, api.host, { from, to: app.name });
    if (flags.json) printJson(terminal, app);
    else print(terminal, `${app.web_url ?? ''} | ${remoteUrl(api.host, app.name)}`);
  },
});
