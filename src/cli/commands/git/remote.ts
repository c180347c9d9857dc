import type { ApiApp } from '../../api-types.js';
import { CliError, usageError } from '../../cli-error.js';
import { defineCommand } from '../../command.js';
import { REMOTE_NAME, remoteUrl, setRemote } from '../../git-remotes.js';
import { note } from '../../terminal.js';

/** `paas git:remote -a NAME [-r REMOTE]` */
export const command = defineCommand({
  summary: 'add the git remote of an app to this repository',
  flags: {
    app: { type: 'string', short: 'a', value: 'NAME', summary: 'app to push to' },
    remote: { type: 'string', short: 'r', value: 'REMOTE', summary: 'name of the git remote (paas)' },
  },
  example: 'paas git:remote --app example',
  async run(session, { flags }) {
    const name = flags.app ?? session.env['PAAS_APP'];
    if (name === undefined) throw usageError('Which app?', 'Like: paas git:remote --app NAME');
    const api = await session.api();
    const app = await api.request<ApiApp>('GET', `/apps/${encodeURIComponent(name)}`);
    const remote = flags.remote ?? REMOTE_NAME;
    const url = remoteUrl(api.host, app.name);
    if (!(await setRemote(session.cwd, remote, url))) {
      throw new CliError('This directory is not in a git repository.', { hint: 'Make one with: git init' });
    }
    note(session.terminal, `set git remote ${remote} to ${url}`);
  },
});
