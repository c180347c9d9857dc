import type { ApiDyno } from '../../api-types.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { commandOf, describeCommand, oneOffFlags, parseEnv } from '../../one-off.js';
import { action, note, printJson } from '../../terminal.js';

/** `paas run:detached COMMAND`: the output goes to the log. */
export const command = defineCommand({
  summary: 'run a command in a one-off dyno without waiting for it',
  args: '[--] COMMAND [ARGUMENT...]',
  arity: [1, Number.POSITIVE_INFINITY],
  verbatimArgs: true,
  flags: { ...appFlags, ...jsonFlag, ...oneOffFlags },
  example: 'paas run:detached --app example -- rake db:migrate',
  async run(session, { args, flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const dyno = await action(
      terminal,
      `Running ${describeCommand(args)} on ${app}`,
      () =>
        api.request<ApiDyno>('POST', `/apps/${app}/dynos`, {
          json: {
            attach: false,
            command: commandOf(args),
            env: parseEnv(flags.env ?? []),
            ...(flags.size === undefined ? {} : { size: flags.size }),
          },
        }),
      ({ name }) => `done, ${name}`,
    );
    if (flags.json) return printJson(terminal, dyno);
    note(terminal, `Run paas logs --app ${app} --dyno ${dyno.name} --tail to view the output.`);
  },
});
