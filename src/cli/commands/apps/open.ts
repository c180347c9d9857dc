import { spawn } from 'node:child_process';
import type { ApiApp } from '../../api-types.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { print, printJson } from '../../terminal.js';

/** `paas open [PATH]`: prints the address and opens it where there is a browser. */
export const command = defineCommand({
  summary: 'open an app in the browser',
  args: '[PATH]',
  arity: [0, 1],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas open --app example',
  async run(session, { args: [path = ''], flags }) {
    const name = await session.app(flags);
    const api = await session.api();
    const app = await api.request<ApiApp>('GET', `/apps/${name}`);
    if (app.web_url === null) throw new CliError(`${app.name} has no web address.`);
    const url = new URL(path, app.web_url).href;
    if (flags.json) return printJson(session.terminal, { url });
    print(session.terminal, url);
    await openBrowser(session.env, url);
  },
});

/** Starts the desktop's opener and leaves it alone; the printed address is enough where there is none. */
async function openBrowser(env: NodeJS.ProcessEnv, url: string): Promise<void> {
  if (process.platform === 'linux' && !env['DISPLAY'] && !env['WAYLAND_DISPLAY'] && !env['BROWSER']) return;
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  await new Promise<void>((resolve) => {
    const child = spawn(opener, [url], { stdio: 'ignore', detached: true });
    child.on('error', () => resolve());
    child.on('spawn', () => {
      child.unref();
      resolve();
    });
  });
}
