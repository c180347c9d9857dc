// The git remotes of a directory that point to this platform: `<host>/<app>.git`.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CliError, errorCode } from './cli-error.js';

export interface PlatformRemote {
  readonly remote: string;
  readonly host: string;
  readonly app: string;
}

export const REMOTE_NAME = 'paas';

/** The app named by `remote`, else by the remote `paas`, else by the only remote on `host`. */
export async function appOfDirectory(options: {
  cwd: string;
  host: string;
  remote: string | undefined;
}): Promise<string> {
  const remotes = await listRemotes(options.cwd);
  const wanted = options.remote ?? REMOTE_NAME;
  const here = remotes.filter((remote) => remote.host === options.host);
  const named = remotes.find((remote) => remote.remote === wanted);
  if (named !== undefined && named.host !== options.host) {
    throw new CliError(`The git remote ${wanted} points to ${named.host}, but you use ${options.host}.`, {
      hint: `Name the app with --app, or the server with PAAS_HOST=${named.host}`,
    });
  }
  if (named !== undefined) return named.app;
  if (options.remote !== undefined) {
    throw new CliError(`There is no git remote "${options.remote}" for an app here.`, {
      hint: 'See: git remote -v',
    });
  }
  const apps = [...new Set(here.map((remote) => remote.app))];
  const [only] = apps;
  if (only !== undefined && apps.length === 1) return only;
  if (apps.length > 1) {
    throw new CliError(`Several apps are git remotes here: ${apps.join(', ')}.`, {
      hint: 'Choose one with --app NAME or --remote REMOTE',
      exitCode: 2,
    });
  }
  throw new CliError('No app was named, and this directory has no git remote of one.', {
    hint: 'Name it with --app NAME, or connect the directory: paas git:remote --app NAME',
    exitCode: 2,
  });
}

/** The remotes of the repository around `cwd` that look like an app's; none outside a repository. */
async function listRemotes(cwd: string): Promise<PlatformRemote[]> {
  const output = await git(cwd, ['config', '--get-regexp', '^remote\\..*\\.url$']).catch((error: unknown) => {
    // 1: no remote; 128: not a repository; ENOENT: no git.
    if (error instanceof CliError) return '';
    throw error;
  });
  return output.split('\n').flatMap((line) => {
    const [, remote, url] = /^remote\.(\S+)\.url (.*)$/.exec(line) ?? [];
    const parsed = url === undefined ? undefined : parseRemoteUrl(url);
    return parsed === undefined || remote === undefined ? [] : [{ remote, ...parsed }];
  });
}

/** Host and app of a remote's address, or undefined when it is not of the platform's form. */
export function parseRemoteUrl(text: string): { host: string; app: string } | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const app = /^\/([a-z0-9-]+)\.git\/?$/.exec(url.pathname)?.[1];
  return app === undefined ? undefined : { host: url.origin, app };
}

/** The address to push an app to. */
export function remoteUrl(host: string, app: string): string {
  return `${host}/${app}.git`;
}

/** Adds the remote or points it to the app. Answers false outside a repository. */
export async function setRemote(cwd: string, remote: string, url: string): Promise<boolean> {
  if (!(await isRepository(cwd))) return false;
  const known = await git(cwd, ['remote']);
  const verb = known.split('\n').includes(remote) ? 'set-url' : 'add';
  await git(cwd, ['remote', verb, '--', remote, url]);
  return true;
}

/** Removes the remotes that point to exactly this app. */
export async function removeRemotes(cwd: string, host: string, app: string): Promise<void> {
  for (const remote of await listRemotes(cwd)) {
    if (remote.host === host && remote.app === app) await git(cwd, ['remote', 'remove', remote.remote]);
  }
}

/** Points the remotes of an app to its new name. */
export async function renameRemotes(
  cwd: string,
  host: string,
  names: { from: string; to: string },
): Promise<void> {
  for (const remote of await listRemotes(cwd)) {
    if (remote.host !== host || remote.app !== names.from) continue;
    await git(cwd, ['remote', 'set-url', '--', remote.remote, remoteUrl(host, names.to)]);
  }
}

async function isRepository(cwd: string): Promise<boolean> {
  try {
    await git(cwd, ['rev-parse', '--git-dir']);
    return true;
  } catch (error) {
    if (error instanceof CliError) return false;
    throw error;
  }
}

/** Runs git and answers its output; a failure is a CliError with git's own words. */
async function git(cwd: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', [...args], { cwd, encoding: 'utf8' });
    return stdout;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new CliError('git is not installed.', { cause: error });
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new CliError(stderr || `git ${args[0]} failed.`, { cause: error });
  }
}
