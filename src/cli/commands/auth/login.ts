import { hostname } from 'node:os';
import type { ApiAccount, ApiAuthorization } from '../../api-types.js';
import { CliError, usageError } from '../../cli-error.js';
import { defineCommand } from '../../command.js';
import { parseHost, type StoredAccount, storeAccount } from '../../credentials.js';
import { ask, readAllInput } from '../../prompt.js';
import { openApi, type Session } from '../../session.js';
import { note, print, warn } from '../../terminal.js';

const MAX_TOKEN_BYTES = 8192;

/** `paas login`: asks for email and password on a terminal; else takes a token from --token or stdin. */
export const command = defineCommand({
  summary: 'log in to a server, also for git push',
  flags: {
    host: { type: 'string', value: 'URL', summary: 'address of the server, such as http://localhost:8080' },
    token: {
      type: 'string',
      value: 'TOKEN',
      summary: 'use this token; without a terminal it is read from stdin',
    },
  },
  example: 'paas login --host http://localhost:8080',
  async run(session, { flags }) {
    const host = flags.host === undefined ? (await session.login()).host : parseHost(flags.host);
    warnAboutPlainHttp(session, host);
    const account = await obtain(session, host, flags.token);
    await storeAccount(session.files, host, account);
    print(session.terminal, `Logged in to ${host} as ${account.email}`);
  },
});

async function obtain(session: Session, host: string, flag: string | undefined): Promise<StoredAccount> {
  if (flag === undefined && session.terminal.stdin.isTTY) return await withPassword(session, host);
  const token = flag ?? (await readAllInput(session.terminal.stdin, MAX_TOKEN_BYTES));
  if (!/^[\x21-\x7e]+$/.test(token))
    throw usageError('No token was given.', 'Give it with --token, or on stdin');
  const account = await openApi(session, host, `Bearer ${token}`).request<ApiAccount>('GET', '/account');
  return { email: account.email, token };
}

async function withPassword(session: Session, host: string): Promise<StoredAccount> {
  note(session.terminal, `Enter your login for ${host}`);
  const email = (await ask(session.terminal, 'Email: ')).trim();
  const password = await ask(session.terminal, 'Password: ', { isSecret: true });
  const basic = Buffer.from(`${email}:${password}`).toString('base64');
  const made = await openApi(session, host, `Basic ${basic}`).request<ApiAuthorization>(
    'POST',
    '/oauth/authorizations',
    { json: { description: `paas login from ${hostname()}`, scope: ['global'] } },
  );
  if (made.access_token === null) throw new CliError(`${host} made no token.`);
  return { email: made.user.email, token: made.access_token.token, authorizationId: made.id };
}

function warnAboutPlainHttp(session: Session, host: string): void {
  const { protocol, hostname: name } = new URL(host);
  if (protocol === 'https:' || /(^|\.)localhost$|^127\.|^\[::1\]$/.test(name)) return;
  warn(
    session.terminal,
    `${host} is not encrypted: whoever is on the way can read the password and the token.`,
  );
}
