// The body of a request to git on its way to git: inflated, within its limits, and read to its end whatever git thinks.

import type { IncomingHttpHeaders } from 'node:http';
import { PassThrough, type Readable, type Transform, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { PaasError } from '../errors.js';
import type { PushHead } from './push-head.js';
import { type GitProcess, killGit } from './repository.js';
import { guardBody } from './request-body.js';

/** What a client sent, inflated; fails with a PaasError when it is larger than a push may be, or comes too slowly. */
export function openBody(
  { body, headers }: { body: unknown; headers: IncomingHttpHeaders },
  { maxPushBytes }: { maxPushBytes: number },
): Readable {
  const encoding = headers['content-encoding'];
  // Git itself refuses what is over the limit, and says so to a client that is let send on for a while.
  const maxBytes = maxPushBytes + READ_AFTER_REFUSAL_BYTES;
  const stages: Transform[] = [guardBody({ maxBytes })];
  if (encoding === 'gzip' || encoding === 'x-gzip') stages.push(createGunzip(), guardBody({ maxBytes }));
  const out = new PassThrough();
  // Whoever reads it is told.
  out.on('error', () => undefined);
  // The parser of that scope hands over the raw stream; a request without a body has none.
  pipeline([(body as Readable | undefined) ?? PassThrough.from([]), ...stages, out]).catch(() => undefined);
  return out;
}

/**
 * Reads the body until `head` has what it wants, or it ends or breaks off, which is for git to complain about; gives what
 * was read. Throws the PaasError of a body that is not taken.
 */
export async function readHead(body: Readable, head: PushHead): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk as Buffer);
      head.read(chunk as Buffer);
      if (head.isRead()) break;
    }
  } catch (error) {
    if (error instanceof PaasError) throw error;
  }
  return Buffer.concat(chunks);
}

/**
 * Sends `start` and the rest of the body to git as it comes. Resolves when it has ended, however that was: a body that
 * breaks off or is too large ends git's input, and git then says what is wrong.
 */
export async function feedGit(body: Readable, git: GitProcess, start?: Buffer): Promise<void> {
  const input = inputOf(git);
  if (start !== undefined && start.length > 0) input.write(start);
  try {
    await pipeline([body, input]);
  } catch {
    git.stdin.destroy();
    if (body.errored instanceof PaasError) killGit(git);
  }
}

/** Reads the rest of the body for nobody. Resolves when it has ended, however that was. */
export async function swallowBody(body: Readable): Promise<void> {
  body.resume();
  await finished(body).catch(() => undefined);
}

// How much of a body is still read after git has refused it: a client that sends on would not read git's reason.
const READ_AFTER_REFUSAL_BYTES = 256 * 1024 * 1024;

/** Writes to git; once git takes no more, swallows what the client still sends. */
function inputOf(git: GitProcess): Writable {
  let isRefused = false;
  git.stdin.once('close', () => {
    isRefused = true;
  });
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!isRefused) {
        git.stdin.write(chunk, (error) => {
          isRefused ||= error != null;
          done();
        });
        return;
      }
      done();
    },
    final(done) {
      if (isRefused) done();
      else git.stdin.end(() => done());
    },
  });
}
