// What a command gets to work with: the terminal, the API, and the app that the command line or the directory names.

import { homedir } from 'node:os';
import { type ApiClient, createApiClient } from './api-client.js';
import { CliError, usageError } from './cli-error.js';
import {
  type CredentialFiles,
  credentialFiles,
  parseHost,
  readConfig,
  type StoredAccount,
} from './credentials.js';
import { type Terminal, warn } from './terminal.js';

export interface Session {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Aborted when the reader of stdout has gone. */
  readonly signal: AbortSignal;
  readonly files: CredentialFiles;
  /** The API's origin and the account stored for it; PAAS_HOST and PAAS_TOKEN go before the stored ones. */
  login(): Promise<{ host: string; account: StoredAccount | undefined; token: string | undefined }>;
  /** A client with the user's token. Throws when there is none. */
  api(): Promise<ApiClient>;
  /** `--app`, else `--remote`, else PAAS_APP, else the git remote of the current directory. */
  app(flags: { readonly app: string | undefined; readonly remote: string | undefined }): Promise<string>;
}

const DEFAULT_HOST = 'http://localhost:8080';
export const VERSION = '0.1.0';

/** The session of this process. */
export function openSession(options: {
  terminal: Terminal;
  env: NodeJS.ProcessEnv;
  cwd: string;
  signal: AbortSignal;
}): Session {
  const { terminal, env, cwd, signal } = options;
  const files = credentialFiles(env, env['HOME'] || homedir());
  const login = async () => {
    const config = await readConfig(files);
    const host = parseHost(env['PAAS_HOST'] || config.host || DEFAULT_HOST);
    const account = config.accounts[host];
    return { host, account, token: env['PAAS_TOKEN'] || account?.token };
  };
  return {
    terminal,
    env,
    cwd,
    signal,
    files,
    login,
    api: async () => {
      const { host, token } = await login();
      if (token === undefined) {
        throw new CliError(`You are not logged in to ${host}.`, { hint: 'Log in with: paas login' });
      }
      return openApi({ terminal, signal }, host, `Bearer ${token}`);
    },
    app: async (flags) => {
      if (flags.app !== undefined) return checkAppName(flags.app);
      if (flags.remote === undefined && env['PAAS_APP']) return checkAppName(env['PAAS_APP']);
      const { host } = await login();
      const { appOfDirectory } = await import('./git-remotes.js');
      return checkAppName(await appOfDirectory({ cwd, host, remote: flags.remote }));
    },
  };
}

/** A client for any host and credentials (logging in, checking the address). */
export function openApi(
  session: Pick<Session, 'terminal' | 'signal'>,
  host: string,
  authorization: string | undefined,
): ApiClient {
  const told = new Set<string>();
  return createApiClient({
    host,
    authorization,
    version: VERSION,
    signal: session.signal,
    onWarning(text) {
      // A command that asks again and again gets it with each answer.
      if (!told.has(text)) warn(session.terminal, text);
      told.add(text);
    },
  });
}

/** The name goes into paths: it is a name or an id, the rest the server decides. */
function checkAppName(name: string): string {
  if (!/^[\w-]+$/.test(name)) throw usageError(`"${name}" is not an app name.`);
  return name;
}
