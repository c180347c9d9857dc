import { CliError } from '../../cli-error.js';
import { defineCommand, jsonFlag } from '../../command.js';
import { print, printJson } from '../../terminal.js';

/** `paas auth:token` */
export const command = defineCommand({
  summary: 'print the token of the current login',
  flags: { ...jsonFlag },
  example: 'paas auth:token',
  async run(session, { flags }) {
    const { host, token } = await session.login();
    if (token === undefined)
      throw new CliError(`You are not logged in to ${host}.`, { hint: 'Log in with: paas login' });
    if (flags.json) printJson(session.terminal, { host, token });
    else print(session.terminal, token);
  },
});
