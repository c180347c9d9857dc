// Where the CLI keeps its host and tokens: ~/.config/paas/config.json (0600), and ~/.netrc for git.

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliError, errorCode, usageError } from './cli-error.js';
import { removeNetrcEntry, setNetrcEntry } from './netrc.js';

export interface StoredAccount {
  readonly email: string;
  readonly token: string;
  /** Id of the authorization on the server, so that logging out revokes it. */
  readonly authorizationId?: string;
}

export interface StoredConfig {
  readonly host?: string;
  readonly accounts: Readonly<Record<string, StoredAccount>>;
}

export interface CredentialFiles {
  readonly config: string;
  readonly netrc: string;
}

/** The paths of the two files for this user. */
export function credentialFiles(env: NodeJS.ProcessEnv, home: string): CredentialFiles {
  const configHome = env['XDG_CONFIG_HOME'] || join(home, '.config');
  return { config: join(configHome, 'paas', 'config.json'), netrc: join(home, '.netrc') };
}

/** What was stored; empty when nothing was. */
export async function readConfig(files: CredentialFiles): Promise<StoredConfig> {
  const text = await readIfThere(files.config);
  if (text === undefined) return { accounts: {} };
  try {
    // Written by writeConfig below.
    return { accounts: {}, ...(JSON.parse(text) as Partial<StoredConfig>) };
  } catch (error) {
    throw new CliError(`${files.config} is not valid JSON.`, {
      hint: 'Delete it and run: paas login',
      cause: error,
    });
  }
}

/** Stores the account of a host, makes that host the default, and lets git use the token. */
export async function storeAccount(
  files: CredentialFiles,
  host: string,
  account: StoredAccount,
): Promise<void> {
  const config = await readConfig(files);
  const accounts = { ...config.accounts, [host]: account };
  await writePrivately(files.config, `${JSON.stringify({ host, accounts }, undefined, 2)}\n`);
  const netrc = (await readIfThere(files.netrc)) ?? '';
  const machine = new URL(host).hostname;
  await writePrivately(
    files.netrc,
    setNetrcEntry(netrc, { machine, login: account.email, password: account.token }),
  );
}

/** Forgets the account of a host. Safe to call twice. */
export async function forgetAccount(files: CredentialFiles, host: string): Promise<void> {
  const config = await readConfig(files);
  const accounts = Object.fromEntries(Object.entries(config.accounts).filter(([key]) => key !== host));
  await writePrivately(files.config, `${JSON.stringify({ ...config, accounts }, undefined, 2)}\n`);
  const netrc = await readIfThere(files.netrc);
  if (netrc !== undefined) await writePrivately(files.netrc, removeNetrcEntry(netrc, new URL(host).hostname));
}

/** The origin of an API address: `localhost:8080` becomes `http://localhost:8080`. Throws a usage error. */
export function parseHost(text: string): string {
  const address = /^https?:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || url.username !== '' || url.pathname !== '/') {
    throw usageError(
      `"${text}" is not the address of a paas server.`,
      'An address looks like http://localhost:8080',
    );
  }
  return url.origin;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new CliError(`${path} cannot be read (${errorCode(error)}).`, { cause: error });
  }
}

/** Replaces a file in one step, mode 0600; a symbolic link stays one. */
async function writePrivately(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await realpath(path).catch(() => path);
  const draft = `${target}.${randomUUID()}`;
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' });
  await rename(draft, target);
}
