import type { ApiApp } from '../../api-types.js';
import { defineCommand, jsonFlag } from '../../command.js';
import { REMOTE_NAME, remoteUrl, setRemote } from '../../git-remotes.js';
import { action, note, print, printJson } from '../../terminal.js';

/** `paas create [NAME]`: makes the app and, inside a git repository, the remote `paas`. */
export const command = defineCommand({
  summary: 'create an app and the git remote for it',
  args: '[NAME]',
  arity: [0, 1],
  flags: {
    ...jsonFlag,
    app: { type: 'string', short: 'a', value: 'NAME', summary: 'name of the app' },
    remote: { type: 'string', short: 'r', value: 'REMOTE', summary: 'name of the git remote (paas)' },
    'no-remote': { type: 'boolean', short: 'n', summary: 'leave the git remotes alone' },
    buildpack: {
      type: 'string',
      short: 'b',
      value: 'BUILDPACK',
      summary: 'buildpack to use, by name or URL',
    },
  },
  example: 'paas create example',
  async run(session, { args, flags }) {
    const { terminal, cwd } = session;
    const name = args[0] ?? flags.app;
    const api = await session.api();
    const app = await action(
      terminal,
      `Creating ${name ?? 'app'}`,
      () => api.request<ApiApp>('POST', '/apps', { json: name === undefined ? {} : { name } }),
      (created) => (name === undefined ? `done, ${created.name}` : 'done'),
    );
    if (flags.buildpack !== undefined) {
      await action(terminal, `Setting buildpack to ${flags.buildpack}`, () =>
        api.request('PUT', `/apps/${app.name}/buildpack-installations`, {
          json: { updates: [{ buildpack: flags.buildpack }] },
        }),
      );
    }
    const url = remoteUrl(api.host, app.name);
    const remote = flags.remote ?? REMOTE_NAME;
    if (!flags['no-remote'] && (await setRemote(cwd, remote, url)))
      note(terminal, `Git remote ${remote} added`);
    if (flags.json) printJson(terminal, app);
    else print(terminal, `${app.web_url ?? ''} | ${url}`);
  },
});
