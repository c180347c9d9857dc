import { appFlags, defineCommand } from '../../command.js';
import { action } from '../../terminal.js';

/** `paas domains:remove HOSTNAME` */
export const command = defineCommand({
  summary: 'remove a domain from an app',
  args: 'HOSTNAME',
  arity: [1, 1],
  flags: { ...appFlags },
  example: 'paas domains:remove www.example.com --app example',
  async run(session, { args: [hostname = ''], flags }) {
    const app = await session.app(flags);
    const api = await session.api();
    await action(session.terminal, `Removing ${hostname} from ${app}`, () =>
      api.request('DELETE', `/apps/${app}/domains/${encodeURIComponent(hostname)}`),
    );
  },
});
