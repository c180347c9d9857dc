import { changeConfig } from '../../change-config.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { printJson } from '../../terminal.js';

/** `paas config:unset KEY...` */
export const command = defineCommand({
  summary: 'remove config vars',
  args: 'KEY...',
  arity: [1, 1000],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas config:unset RAILS_ENV --app example',
  async run(session, { args, flags }) {
    const app = await session.app(flags);
    const updates = Object.fromEntries(args.map((key) => [key, null]));
    const config = await changeConfig(session.terminal, await session.api(), {
      app,
      updates,
      verb: 'Unsetting',
    });
    if (flags.json) printJson(session.terminal, config);
  },
});
