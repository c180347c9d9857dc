import { appFlags, defineCommand } from '../../command.js';
import { action } from '../../terminal.js';

/** `paas maintenance:off` */
export const command = defineCommand({
  summary: 'end maintenance mode',
  flags: { ...appFlags },
  example: 'paas maintenance:off --app example',
  async run(session, { flags }) {
    const name = await session.app(flags);
    const api = await session.api();
    await action(session.terminal, `Disabling maintenance mode for ${name}`, () =>
      api.request('PATCH', `/apps/${name}`, { json: { maintenance: false } }),
    );
  },
});
