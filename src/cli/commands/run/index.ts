import type { ApiDyno } from '../../api-types.js';
import { attach } from '../../attach.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand } from '../../command.js';
import { commandOf, describeCommand, oneOffFlags, parseEnv } from '../../one-off.js';
import { action } from '../../terminal.js';

/** `paas run [FLAGS] -- COMMAND [ARGUMENT...]`: ends with the exit code of the command. */
export const command = defineCommand({
  summary: 'run a command in a one-off dyno',
  args: '[--] COMMAND [ARGUMENT...]',
  arity: [1, Number.POSITIVE_INFINITY],
  verbatimArgs: true,
  flags: {
    ...appFlags,
    ...oneOffFlags,
    'no-tty': { type: 'boolean', summary: 'no terminal, also when there is one' },
    quiet: { type: 'boolean', short: 'q', summary: "show nothing but the command's output" },
    'exit-code': { type: 'boolean', short: 'x', summary: 'the exit code is passed on always' },
  },
  example: 'paas run --app example bash\npaas run --app example -- node -e "console.log(1)" < input > output',
  async run(session, { args, flags }) {
    const { terminal, signal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const tty = terminal.stdin.isTTY === true && terminal.stdout.isTTY === true && !flags['no-tty'];
    const size = { COLUMNS: terminal.stdout.columns, LINES: terminal.stdout.rows };
    const start = () =>
      api.request<ApiDyno>('POST', `/apps/${app}/dynos`, {
        json: {
          attach: true,
          command: commandOf(args),
          env: {
            ...(tty ? { TERM: session.env['TERM'] ?? 'xterm', ...size } : {}),
            ...parseEnv(flags.env ?? []),
          },
          ...(tty ? {} : { force_no_tty: true }),
          ...(flags.size === undefined ? {} : { size: flags.size }),
        },
      });
    const title = `Running ${describeCommand(args)} on ${app}`;
    const dyno = flags.quiet
      ? await start()
      : await action(terminal, title, start, ({ name }) => `up, ${name}`);
    if (dyno.attach_url === null) throw new CliError(`${dyno.name} cannot be attached to.`);
    return await attach(api, { url: dyno.attach_url, terminal, tty, signal });
  },
});
