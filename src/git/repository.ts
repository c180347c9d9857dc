// The bare repository of an app: made when first needed, read and written by git itself.

import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type AppId, newId } from '../ids.js';
import { type HookPipes, hangUp } from './hook-channel.js';
import { removeOldLocks } from './old-locks.js';

/** Where repositories are, and what git needs to run. */
export interface GitPlace {
  /** Directory of all repositories. */
  readonly repositories: string;
  /** An empty directory: git finds no configuration of a user there. */
  readonly emptyHome: string;
  /** Largest push, in bytes. */
  readonly maxPushBytes: number;
}

export type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>;

const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Where the hooks and their programs are. */
export const HOOKS = fileURLToPath(new URL('./hooks', import.meta.url));

/** Path of the app's repository, whether or not it exists. */
export function repositoryPath(place: GitPlace, appId: AppId): string {
  return join(place.repositories, `${appId}.git`);
}

/** Where a repository has the objects of pushes whose builds are not over, each in a folder named by the build. */
export function heldDirectory(repository: string): string {
  return join(repository, 'held');
}

/** Makes the app's repository if it is absent; safe to call at the same time. */
export async function ensureRepository(place: GitPlace, appId: AppId): Promise<string> {
  const path = repositoryPath(place, appId);
  if (existsSync(join(path, 'HEAD'))) return path;
  const making = beingMade.get(path) ?? makeRepository(place, path).finally(() => beingMade.delete(path));
  beingMade.set(path, making);
  await making;
  return path;
}

// By path: the first pushes of an app may be many at once.
const beingMade = new Map<string, Promise<void>>();

async function makeRepository(place: GitPlace, path: string): Promise<void> {
  await mkdir(place.repositories, { recursive: true, mode: 0o700 });
  await mkdir(place.emptyHome, { recursive: true, mode: 0o700 });
  // Made elsewhere and moved: a repository that is there is whole.
  const fresh = `${path}.${newId()}`;
  await runGit(place, ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', fresh]);
  try {
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(join(path, 'HEAD'))) throw error;
  }
}

/** Removes the app's repository; fine when there is none. */
export async function removeRepository(place: GitPlace, appId: AppId): Promise<void> {
  await rm(repositoryPath(place, appId), { recursive: true, force: true });
}

/** Packs what many pushes left as single objects and small packs; quick when there is little to do (git-gc(1)). */
export async function packRepository(place: GitPlace, repository: string): Promise<void> {
  const limits = ['-c', 'gc.auto=500', '-c', 'gc.autoPackLimit=20', '-c', 'gc.autoDetach=false'];
  await runGit(place, [...limits, '--git-dir', repository, 'gc', '--auto', '--quiet']);
}

/**
 * Removes what pushes left that were ended half-way: git keeps received objects in such directories until it accepts
 * them. Call it only while nothing is pushed to the repository. Fine when there is no repository. `now`: epoch ms.
 */
export async function removeLeftovers(repository: string, now: number): Promise<void> {
  removeOldLocks(repository, now);
  const objects = join(repository, 'objects');
  // Listed at once: what a push that begins now makes is not in it.
  const names = existsSync(objects) ? readdirSync(objects) : [];
  for (const name of names) {
    if (name.startsWith('tmp_objdir-')) await removeObjectDirectory(join(objects, name));
  }
}

/** Removes a directory of objects that no process of git writes to; fine when it is gone. */
export async function removeObjectDirectory(path: string): Promise<void> {
  // A pack may be large, and a disk slow to free it; of single files there are few (link-objects.ts).
  if (!existsSync(join(path, 'pack')) && removeNow(path)) return;
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

function removeNow(path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

/** As `removeLeftovers`, for all repositories. */
export async function removeAllLeftovers(place: GitPlace, now: number): Promise<void> {
  const names = existsSync(place.repositories) ? readdirSync(place.repositories) : [];
  for (const name of names) await removeLeftovers(join(place.repositories, name), now);
}

/**
 * The object that `ref` names; undefined when there is no such ref. Read from the files that git keeps
 * (gitrepository-layout(5)): each program that is started takes 10 ms from everybody else who pushes.
 */
export function readRef(repository: string, ref: string): string | undefined {
  const loose = readIfThere(join(repository, ref));
  // Packed before its own file goes, so that it is always in one of them.
  const packed = loose === undefined ? readIfThere(join(repository, 'packed-refs')) : undefined;
  const line = loose?.trim() ?? packed?.split('\n').find((each) => each.endsWith(` ${ref}`));
  return /^([0-9a-f]{40,64})(?: |$)/.exec(line ?? '')?.[1];
}

/**
 * After a deploy of one of the two deploy branches: the other goes, so that a later push of it is a deploy again, and
 * clones check out the one that was deployed.
 */
export async function keepOnlyBranch(
  place: GitPlace,
  repository: string,
  refs: { deployed: string; other: string },
): Promise<void> {
  await runGit(place, ['--git-dir', repository, 'symbolic-ref', 'HEAD', refs.deployed]);
  await runGit(place, ['--git-dir', repository, 'update-ref', '-d', refs.other]);
}

/** Starts a git command in a process group of its own, so that its helpers can be ended with it. */
export function startGit(
  place: GitPlace,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): GitProcess {
  return spawnGit(place, { args, env, more: [] }) as GitProcess;
}

/** Starts what takes a push in, with the pipes to its pre-receive hook. */
export function startReceivePack(
  place: GitPlace,
  repository: string,
  env: Readonly<Record<string, string>>,
): { git: GitProcess; pipes: HookPipes } {
  const args = ['receive-pack', '--stateless-rpc', repository];
  const git = spawnGit(place, { args, env, more: ['pipe', 'pipe'] });
  // Node makes pairs of sockets of these.
  const [talk, exitCode] = git.stdio.slice(3) as unknown as [Socket, Socket];
  const pipes = { talk, exitCode };
  // A hook that outlives a git that was killed would wait for ever.
  git.once('exit', () => hangUp(pipes));
  return { git: git as GitProcess, pipes };
}

function spawnGit(
  place: GitPlace,
  { args, env, more }: { args: readonly string[]; env: Readonly<Record<string, string>>; more: 'pipe'[] },
): ChildProcess {
  return spawn('git', [...settings(place), ...args], {
    cwd: place.emptyHome,
    // None of the daemon's own variables: a GIT_* among them would redirect git.
    env: {
      PATH: SEARCH_PATH,
      HOME: place.emptyHome,
      LC_ALL: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      ...env,
    },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...more],
  });
}

/** Ends the process and its helpers: politely first, so that git removes what it half received. */
export function killGit(git: GitProcess): void {
  const { pid } = git;
  if (pid === undefined) return;
  signalGroup(pid, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), 3000);
  git.once('close', () => clearTimeout(timer));
}

/** What the process ended with; never rejects. */
export function gitEnd(git: GitProcess): Promise<{ code: number | null; error?: Error }> {
  return new Promise((resolve) => {
    git.once('close', (code) => resolve({ code }));
    git.once('error', (error) => resolve({ code: null, error }));
  });
}

/** What a git command prints. Throws an Error with its complaint when it fails. */
export async function runGit(
  place: GitPlace,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<string> {
  const git = startGit(place, args, env);
  // It may end without having read it all; its exit code tells.
  git.stdin.on('error', () => undefined);
  git.stdin.end(input);
  const [stdout, stderr, end] = await Promise.all([readText(git.stdout), readText(git.stderr), gitEnd(git)]);
  if (end.code === 0) return stdout;
  throw new Error(`git ${args.join(' ')} ended with ${end.code}: ${stderr.slice(0, 1000)}`, {
    cause: end.error,
  });
}

async function readText(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}

// Given with each command, so that no repository can be configured otherwise (git-config(1)).
function settings(place: GitPlace): string[] {
  const values: Record<string, string> = {
    'safe.directory': '*',
    'core.hooksPath': HOOKS,
    'init.defaultBranch': 'main',
    'receive.fsckObjects': 'true',
    // Found in old histories of well-known projects, and harmless.
    'receive.fsck.zeroPaddedFilemode': 'ignore',
    'receive.fsck.badTimezone': 'ignore',
    'receive.fsck.missingSpaceBeforeDate': 'ignore',
    'receive.maxInputSize': String(place.maxPushBytes),
    // The daemon moves the branches itself, when the release is made: hooks/proc-receive says so to git.
    'receive.procReceiveRefs': 'refs/heads/',
    'receive.denyDeletes': 'true',
    'receive.denyNonFastForwards': 'false',
    'receive.denyCurrentBranch': 'ignore',
    'receive.shallowUpdate': 'true',
    'receive.advertisePushOptions': 'false',
    'receive.autogc': 'false',
    'transfer.unpackLimit': '100',
    'pack.threads': '1',
    // Quarantined pushes have the repository as alternate: its refs are advertised once already.
    'core.alternateRefsCommand': 'true',
    'uploadpack.allowAnySHA1InWant': 'false',
    'gc.auto': '0',
  };
  return Object.entries(values).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It has ended.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The text of a file; undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // A folder, as for `refs/heads` of `refs/heads/main`, is no ref.
    if (
      error instanceof Error &&
      'code' in error &&
      ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(String(error.code))
    )
      return undefined;
    throw error;
  }
}
