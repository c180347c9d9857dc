import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ApiApp } from '../../api-types.js';
import { usageError } from '../../cli-error.js';
import { defineCommand } from '../../command.js';
import { REMOTE_NAME, remoteUrl } from '../../git-remotes.js';

/** `paas git:clone -a NAME [DIRECTORY]` */
export const command = defineCommand({
  summary: "clone an app's repository",
  args: '[DIRECTORY]',
  arity: [0, 1],
  flags: {
    app: { type: 'string', short: 'a', value: 'NAME', summary: 'app to clone' },
    remote: { type: 'string', short: 'r', value: 'REMOTE', summary: 'name of the git remote (paas)' },
  },
  example: 'paas git:clone --app example',
  async run(session, { args: [directory], flags }) {
    const name = flags.app ?? session.env['PAAS_APP'];
    if (name === undefined) throw usageError('Which app?', 'Like: paas git:clone --app NAME');
    const api = await session.api();
    const app = await api.request<ApiApp>('GET', `/apps/${encodeURIComponent(name)}`);
    const remote = flags.remote ?? REMOTE_NAME;
    const args = ['clone', '-o', remote, '--', remoteUrl(api.host, app.name), directory ?? app.name];
    const [code] = await once(spawn('git', args, { stdio: 'inherit', cwd: session.cwd }), 'exit');
    return code === 0 ? 0 : 1;
  },
});
