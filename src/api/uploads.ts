// Uploaded sources on disk: files with unguessable names that live until their build is over, or for an hour.

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PaasError } from '../errors.js';
import { guardBody } from '../git/request-body.js';
import { newId, parseId } from '../ids.js';

const SOURCE_LIFE_MS = 3600 * 1000;
/** Of one account, with those that are coming in. */
const MAX_SOURCES = 20;

/** A source, and the account that made it. */
export interface NamedSource {
  readonly source: string;
  readonly account: string;
}

export interface Uploads {
  /** Writes a body to a file of its own, which the caller removes. Throws `payload_too_large`, `invalid_params`. */
  receive(body: Readable): Promise<string>;
  /**
   * Writes a body to the source, once. Throws `conflict` when it is there already, and `rate_limit` when the account has
   * too many.
   */
  receiveSource(named: NamedSource, body: Readable): Promise<void>;
  /** Another name for the source's file, which the caller removes. Throws `not_found`. */
  takeSource(named: NamedSource): Promise<string>;
  /** The source's file, to be read. Throws `not_found`. */
  readSource(named: NamedSource): Promise<{ stream: Readable; bytes: number }>;
  /** Removes a file that `receive` or `takeSource` gave; fine when it is gone. */
  remove(path: string): Promise<void>;
  /** Removes sources (and left-overs) that are older than an hour. */
  removeOld(now: number): Promise<void>;
}

/** Uploads in `directory`, none larger than `maxBytes`. */
export function createUploads(options: { directory: string; maxBytes: number }): Uploads {
  const { directory } = options;
  const sourcePath = ({ source, account }: NamedSource) => {
    if (parseId(source) === undefined || parseId(account) === undefined) throw sourceNotFound();
    return join(directory, `source-${account}-${source}.tar.gz`);
  };
  const coming = new Map<string, number>();
  const requireRoom = async (account: string) => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const kept = (await readdir(directory)).filter((name) => name.startsWith(`source-${account}-`)).length;
    if (kept + (coming.get(account) ?? 0) > MAX_SOURCES) throw tooManySources();
  };
  const write = async (body: Readable, to: string) => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const partial = join(directory, `partial-${newId()}`);
    try {
      await pipeline(
        body,
        guardBody({ maxBytes: options.maxBytes }),
        createWriteStream(partial, { mode: 0o600 }),
      );
      await rename(partial, to);
    } catch (error) {
      await rm(partial, { force: true });
      throw asPaasError(error);
    }
  };
  return {
    async receive(body) {
      const path = join(directory, `build-${newId()}.tar.gz`);
      await write(body, path);
      return path;
    },
    async receiveSource(named, body) {
      const path = sourcePath(named);
      const { account } = named;
      if (await exists(path)) throw new PaasError('conflict', 'This source was uploaded already.');
      coming.set(account, (coming.get(account) ?? 0) + 1);
      try {
        await requireRoom(account);
        await write(body, path);
      } finally {
        const left = (coming.get(account) ?? 1) - 1;
        if (left > 0) coming.set(account, left);
        else coming.delete(account);
      }
    },
    async takeSource(named) {
      const path = join(directory, `build-${newId()}.tar.gz`);
      try {
        await link(sourcePath(named), path);
      } catch (cause) {
        throw sourceNotFound(cause);
      }
      return path;
    },
    async readSource(named) {
      const path = sourcePath(named);
      if (!(await exists(path))) throw sourceNotFound();
      return { stream: createReadStream(path), bytes: (await stat(path)).size };
    },
    remove: (path) => rm(path, { force: true }),
    async removeOld(now) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      for (const name of await readdir(directory)) {
        const path = join(directory, name);
        const isOld = !name.startsWith('build-') && (await ageOf(path, now)) > SOURCE_LIFE_MS;
        if (isOld) await rm(path, { force: true });
      }
    },
  };
}

/** The SHA-256 of a file, in hex. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function ageOf(path: string, now: number): Promise<number> {
  return await stat(path).then(
    ({ mtimeMs }) => now - mtimeMs,
    () => 0,
  );
}

function asPaasError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC') {
    return new PaasError('storage_full', 'The disk of the platform is full; nothing was stored.', {
      cause: error,
    });
  }
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ABORT_ERR') {
    return new PaasError('bad_request', 'The upload broke off.', { cause: error });
  }
  return error;
}

function tooManySources(): PaasError {
  return new PaasError('rate_limit', `The account has ${MAX_SOURCES} uploaded sources already.`, {
    hint: 'They are kept for an hour; or send the archive itself to POST /apps/APP/builds.',
  });
}

function sourceNotFound(cause?: unknown): PaasError {
  return new PaasError(
    'not_found',
    "Couldn't find that source: it was not uploaded, or is older than an hour.",
    {
      hint: 'Make one with POST /sources and upload the archive to its put_url.',
      ...(cause !== undefined && { cause }),
    },
  );
}
