import type { ApiAccount } from '../api-types.js';
import { CliError } from '../cli-error.js';
import { defineCommand, jsonFlag } from '../command.js';
import { openApi, type Session, VERSION } from '../session.js';
import { print, printJson } from '../terminal.js';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly hint?: string | undefined;
}

/** `paas doctor`: can the server be reached, which version is it, does the login work. Exit code 1 when not. */
export const command = defineCommand({
  summary: 'check the connection to the server and the login',
  flags: { ...jsonFlag },
  example: 'paas doctor',
  async run(session, { flags }) {
    const { terminal } = session;
    const findings = await examine(session);
    if (flags.json) printJson(terminal, findings);
    else {
      for (const { check, ok, detail, hint } of findings) {
        print(terminal, `${ok ? 'ok  ' : 'FAIL'}  ${check}: ${detail}`);
        if (hint !== undefined) print(terminal, `      ${hint}`);
      }
    }
    return findings.every(({ ok }) => ok) ? 0 : 1;
  },
});

async function examine(session: Session): Promise<Finding[]> {
  const { host, token } = await session.login();
  const server = await attempt('server', async () => {
    const health = await openApi(session, host, undefined).request<{ version?: string }>('GET', '/healthz');
    return `${host} runs version ${health.version ?? 'unknown'}, this command is ${VERSION}`;
  });
  if (!server.ok) return [server];
  const login = await attempt('login', async () => {
    if (token === undefined) throw new CliError('not logged in', { hint: 'Log in with: paas login' });
    const account = await openApi(session, host, `Bearer ${token}`).request<ApiAccount>('GET', '/account');
    return account.email;
  });
  return [server, login];
}

async function attempt(check: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { check, ok: true, detail: await look() };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { check, ok: false, detail: error.message, hint: error.hint };
  }
}
