// The child process that looks at an archive (and unpacks it when every entry is right), so that whatever an archive does to a tar
// library it does not do to the daemon. One JSON line on stdout tells the outcome. Run by archive.ts.

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { relative } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Headers, extract as unpackInto } from 'tar-fs';
import { extract } from 'tar-stream';
import { PaasError } from '../errors.js';
import { ArchiveRules } from './archive-rules.js';

/** The one command-line argument, as JSON. */
export interface ArchiveTask {
  readonly path: string;
  /** Inflated size that is still accepted. */
  readonly maxBytes: number;
  /** A tree out of git may have links that lead out of it, and its one top folder stays. */
  readonly from: 'git' | 'upload';
  /** Directory to unpack into; undefined to look only. */
  readonly unpackTo: string | undefined;
}

export type ArchiveReply =
  | { readonly kind: 'ok'; readonly bytes: number }
  | {
      readonly kind: 'refused';
      readonly id: 'invalid_archive' | 'payload_too_large';
      readonly message: string;
    }
  | { readonly kind: 'broken'; readonly code: string };

// Headers of tar are kept in memory by the library, whatever size they claim.
const MAX_RSS_BYTES = 512 * 1024 * 1024;

const [argument] = process.argv.slice(2);
if (argument !== undefined) {
  // The parent is the only one who starts this file, with an ArchiveTask.
  const reply = await work(JSON.parse(argument) as ArchiveTask);
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

async function work(task: ArchiveTask): Promise<ArchiveReply> {
  try {
    const isGzip = await hasGzipMagic(task.path);
    const { strip, bytes } = await look(task, isGzip);
    if (task.unpackTo !== undefined) await unpack(task, isGzip, strip, task.unpackTo);
    return { kind: 'ok', bytes };
  } catch (error) {
    if (error instanceof PaasError && (error.id === 'invalid_archive' || error.id === 'payload_too_large')) {
      return { kind: 'refused', id: error.id, message: error.message };
    }
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
    // Errors of the disk are not the archive's fault.
    if (/^E[A-Z]+$/.test(code)) return { kind: 'broken', code };
    const what = error instanceof Error ? error.message.toLowerCase() : '';
    const message = /unexpected end/.test(what)
      ? 'The archive ends early.'
      : 'The archive is damaged: no valid tar.';
    return { kind: 'refused', id: 'invalid_archive', message };
  }
}

async function hasGzipMagic(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(262), 0, 262, 0);
  if (bytesRead > 2 && buffer[0] === 0x1f && buffer[1] === 0x8b) return true;
  if (buffer.subarray(257, 262).toString('latin1') === 'ustar') return false;
  throw new PaasError('invalid_archive', 'The file is no tar archive, plain or compressed with gzip.');
}

async function look(task: ArchiveTask, isGzip: boolean): Promise<{ strip: 0 | 1; bytes: number }> {
  const rules = new ArchiveRules({ allowLinksOut: task.from === 'git' });
  let bytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(
        bytes > task.maxBytes || process.memoryUsage.rss() > MAX_RSS_BYTES ? tooLarge(task.maxBytes) : null,
        chunk,
      );
    },
  });
  const entries = extract();
  entries.on('entry', (header, content, next) => {
    content.on('error', next);
    content.on('end', next);
    try {
      rules.accept(header);
      content.resume();
    } catch (error) {
      entries.destroy(error instanceof Error ? error : new Error('unexpected'));
    }
  });
  const input = createReadStream(task.path);
  await (isGzip ? pipeline(input, createGunzip(), counter, entries) : pipeline(input, counter, entries));
  const { strip } = rules.finish();
  return { strip: task.from === 'git' ? 0 : strip, bytes };
}

async function unpack(task: ArchiveTask, isGzip: boolean, strip: 0 | 1, directory: string): Promise<void> {
  const options = {
    strip,
    chown: false,
    umask: 0,
    // The rules follow links through the whole archive; the library also refuses harmless links to links.
    validateSymlinks: false,
    ignore: (name: string) => relative(directory, name).split('/').includes('.git'),
    map: (header: Headers) => ({
      ...header,
      mode: header.type === 'directory' ? 0o755 : ((header.mode ?? 0o644) & 0o777) | 0o600,
    }),
  };
  const target = unpackInto(directory, options);
  const input = createReadStream(task.path);
  await (isGzip ? pipeline(input, createGunzip(), target) : pipeline(input, target));
}

function tooLarge(maxBytes: number): PaasError {
  const mebibytes = Math.floor(maxBytes / 1024 / 1024);
  return new PaasError('payload_too_large', `The source is larger than ${mebibytes} MiB when unpacked.`);
}
