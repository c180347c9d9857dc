import { appFlags, defineCommand } from '../../command.js';
import { action } from '../../terminal.js';

/** `paas maintenance:on` */
export const command = defineCommand({
  summary: 'answer every visitor with the maintenance page',
  flags: { ...appFlags },
  example: 'paas maintenance:on --app example',
  async run(session, { flags }) {
    const name = await session.app(flags);
    const api = await session.api();
    await action(session.terminal, `Enabling maintenance mode for ${name}`, () =>
      api.request('PATCH', `/apps/${name}`, { json: { maintenance: true } }),
    );
  },
});
