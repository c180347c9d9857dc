// Source in: a commit of a bare repository or an uploaded archive becomes a directory of plain files.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { PaasError, quoteValue } from '../errors.js';
import { checkArchive } from './archive.js';
import { readSourceFile } from './source-files.js';

/** Where the code of a deploy comes from. */
export type Source =
  | {
      readonly kind: 'git';
      readonly repositoryPath: string;
      readonly commit: string;
      /** GIT_* by which git finds objects that are not in the repository yet. */
      readonly objectEnv: Readonly<Record<string, string>>;
      /** The branch that names the commit once it is released, and the commit that it named for the pusher. */
      readonly branch?: { readonly ref: string; readonly oldId: string } | undefined;
    }
  /** A tar.gz on disk, which goes when the build is over. */
  | { readonly kind: 'archive'; readonly path: string; readonly version?: string }
  | { readonly kind: 'image'; readonly reference: string };

export type GitSource = Extract<Source, { kind: 'git' }>;

/** The branches of pushed commits, as far as builds go; git/held-pushes.ts has them. */
export interface Branches {
  /** In the build's turn: throws `conflict` when the branch no longer leads to the commit. */
  check(source: GitSource): Promise<void>;
  /**
   * The deploy is over: the branch moves to the commit, or not, and what was kept for the build goes. Never rejects:
   * what does not succeed is done at the next start.
   */
  settle(source: GitSource, outcome: { moves: boolean }): Promise<void>;
}

/** The source as the queue keeps it, so that another daemon can build it. */
export function storeSource(source: Source): string {
  return JSON.stringify(source);
}

/** What `storeSource` gave. */
export function readStoredSource(text: string): Source {
  // Only storeSource writes that column.
  return JSON.parse(text) as Source;
}

// `git archive` obeys the pushed .gitattributes; a checkout, which apps expect, has neither export-subst nor export-ignore.
const ATTRIBUTES = '* -export-subst -export-ignore -filter -ident -text -working-tree-encoding\n';

/** Unpacks the source into `directory`, which it makes. Yields warnings for the build output. */
export async function* unpackSource(options: {
  source: Exclude<Source, { kind: 'image' }>;
  directory: string;
  maxBytes: number;
  worker: string | undefined;
  signal: AbortSignal;
}): AsyncGenerator<string, void> {
  const { source, directory, maxBytes, signal } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const worker = options.worker === undefined ? {} : { worker: options.worker };
  if (source.kind === 'archive') {
    await checkArchive({
      path: source.path,
      maxBytes,
      from: 'upload',
      unpackTo: directory,
      ...worker,
      signal,
    });
    return;
  }
  const path = `${directory}.tar`;
  try {
    await archiveCommit(source, path, maxBytes, signal);
    await checkArchive({ path, maxBytes, from: 'git', unpackTo: directory, ...worker, signal });
  } finally {
    await rm(path, { force: true });
  }
  if ((await readSourceFile(directory, '.gitmodules')) !== undefined) {
    yield ' !     The repository has submodules: their files are not part of the build.\n';
    yield ' !     Add them with `git subtree`, or as packages of the language.\n';
  }
}

async function archiveCommit(
  source: GitSource,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<void> {
  if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(source.commit)) {
    throw new PaasError('invalid_params', `${quoteValue(source.commit)} is no commit id.`);
  }
  await neutraliseAttributes(source.repositoryPath);
  const git = spawn(
    'git',
    ['-c', 'safe.directory=*', '--git-dir', source.repositoryPath, 'archive', '--format=tar', source.commit],
    {
      // Nothing of the daemon's own environment: a GIT_* there would point git elsewhere.
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        ...source.objectEnv,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    },
  );
  let bytes = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(bytes > maxBytes ? new PaasError('payload_too_large', tooLarge(maxBytes)) : null, chunk);
    },
  });
  const exited = once(git, 'exit');
  const complaints = text(git.stderr).catch(() => '');
  await Promise.all([exited, pipeline(git.stdout, limit, createWriteStream(path, { mode: 0o600 }))]).catch(
    async (error: unknown) => {
      git.kill('SIGKILL');
      signal.throwIfAborted();
      throw error;
    },
  );
  if (git.exitCode !== 0) {
    throw new Error(`git archive ended with ${git.exitCode}: ${(await complaints).slice(0, 300)}`);
  }
}

function tooLarge(maxBytes: number): string {
  return `The source is larger than ${Math.floor(maxBytes / 1024 / 1024)} MiB.`;
}

/** The repository's own attributes win over those in the tree. Fine to call twice. */
async function neutraliseAttributes(repositoryPath: string): Promise<void> {
  const path = join(repositoryPath, 'info', 'attributes');
  const present = await readFile(path, 'utf8').catch(() => '');
  if (present.includes(ATTRIBUTES)) return;
  await mkdir(join(repositoryPath, 'info'), { recursive: true });
  await appendFile(path, ATTRIBUTES);
}
