import type { ApiAccount } from '../api-types.js';
import { ApiError, CliError } from '../cli-error.js';
import { defineCommand, jsonFlag } from '../command.js';
import { openApi, type Session, VERSION } from '../session.js';
import { paint, print, printJson } from '../terminal.js';

interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly hint?: string | undefined;
}

const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
const TEXTS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

/** `paas doctor`: the connection, the login and, for administrators, the server. Exit code 1 when something fails. */
export const command = defineCommand({
  summary: 'check the connection, the login and, as administrator, the server',
  flags: { ...jsonFlag },
  example: 'paas doctor',
  async run(session, { flags }) {
    const { terminal } = session;
    const findings = await examine(session);
    if (flags.json) printJson(terminal, findings);
    else {
      for (const { check, status, detail, hint } of findings) {
        print(terminal, `${paint(terminal.hasColors, STYLES[status], TEXTS[status])}  ${check}: ${detail}`);
        if (hint !== undefined) print(terminal, `      ${hint}`);
      }
    }
    return findings.some(({ status }) => status === 'fail') ? 1 : 0;
  },
});

async function examine(session: Session): Promise<Finding[]> {
  const { host, token } = await session.login();
  const server = await attempt('server', async () => {
    const health = await openApi(session, host, undefined).request<{ version?: string }>('GET', '/healthz');
    return `${host} runs version ${health.version ?? 'unknown'}, this command is ${VERSION}`;
  });
  if (server.status === 'fail') return [server];
  const login = await attempt('login', async () => {
    if (token === undefined) throw new CliError('not logged in', { hint: 'Log in with: paas login' });
    const account = await openApi(session, host, `Bearer ${token}`).request<ApiAccount>('GET', '/account');
    return account.email;
  });
  if (login.status === 'fail') return [server, login];
  return [server, login, ...(await examineServer(session, host, token ?? ''))];
}

/** The server's own checks; none for who is no administrator. */
async function examineServer(session: Session, host: string, token: string): Promise<Finding[]> {
  try {
    return await openApi(session, host, `Bearer ${token}`).request<Finding[]>('GET', '/doctor');
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    if (!(error instanceof CliError)) throw error;
    return [{ check: 'checks of the server', status: 'fail', detail: error.message, hint: error.hint }];
  }
}

async function attempt(check: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { check, status: 'ok', detail: await look() };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { check, status: 'fail', detail: error.message, hint: error.hint };
  }
}
