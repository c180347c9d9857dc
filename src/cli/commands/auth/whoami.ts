import type { ApiAccount } from '../../api-types.js';
import { defineCommand, jsonFlag } from '../../command.js';
import { print, printJson } from '../../terminal.js';

/** `paas whoami` */
export const command = defineCommand({
  summary: 'show who you are logged in as',
  flags: { ...jsonFlag },
  example: 'paas whoami',
  async run(session, { flags }) {
    const api = await session.api();
    const account = await api.request<ApiAccount>('GET', '/account');
    if (flags.json) printJson(session.terminal, { ...account, host: api.host });
    else print(session.terminal, account.email);
  },
});
