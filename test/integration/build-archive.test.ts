import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkArchive } from '../../src/build/archive.js';
import { compileArchiveWorker } from '../support/archive-worker.js';

type Entry = Partial<Header> & { name: string; body?: string };

let root = '';
let worker: Awaited<ReturnType<typeof compileArchiveWorker>>;
const MIB = 1024 * 1024;

beforeAll(async () => {
  worker = await compileArchiveWorker();
});
afterAll(async () => {
  await worker.remove();
});
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'paas-archive-'));
  return () => rm(root, { recursive: true, force: true });
});

async function tarBytes(entries: Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { body, ...header } of entries) tar.entry(header, body ?? '');
  tar.finalize();
  return await buffer(tar.pipe(new PassThrough()));
}

async function check(bytes: Buffer, options: { unpack?: boolean; maxBytes?: number } = {}) {
  const path = join(root, 'a.tar.gz');
  await writeFile(path, bytes);
  const unpackTo = join(root, 'out');
  await mkdir(unpackTo, { recursive: true });
  return await checkArchive({
    path,
    maxBytes: options.maxBytes ?? 64 * MIB,
    from: 'upload',
    worker: worker.path,
    ...(options.unpack !== false && { unpackTo }),
  });
}

const file = (name: string, body = 'x'): Entry => ({ name, body });
const link = (name: string, linkname: string): Entry => ({ name, linkname, type: 'symlink' });
const hard = (name: string, linkname: string): Entry => ({ name, linkname, type: 'link' });

describe('refuses, writing nothing, an archive with', () => {
  it.each<[string, Entry[], string]>([
    ['a way up', [file('ok'), file('../x')], '"../x" leaves the root'],
    ['a way up in the middle', [file('a/../../x')], '"a/../../x" leaves the root'],
    ['an absolute path', [file('/etc/x')], '"/etc/x" has an absolute path'],
    [
      'a write through a relative link',
      [link('a', '../..'), file('a/x')],
      '"a/x" lies below "a", which is a symlink',
    ],
    ['a write through an absolute link', [link('a', '/tmp'), file('a/x')], '"a/x" lies below'],
    ['a link out', [file('f'), link('a', '../x')], '"a" is a link that leaves the root'],
    ['an absolute link', [file('f'), link('a', '/etc/passwd')], '"a" is a link that leaves the root'],
    ['a Procfile that is a link out', [link('Procfile', '/etc/passwd'), file('f')], '"Procfile" is a link'],
    [
      'a chain of links',
      [file('f'), link('a/b/c/up', '../..'), link('a/b/escape', 'c/up/../..')],
      '"a/b/escape" is a link that leaves',
    ],
    ['a hard link out', [file('f'), hard('h', '../../etc/passwd')], '"h" is a hard link'],
    ['a hard link through a link', [link('a', '..'), hard('h', 'a/x')], '"h" is a hard link'],
    ['a hard link to a link', [link('a', 'f'), file('f'), hard('h', 'a')], '"h" is a hard link'],
    [
      'a directory replaced by a link',
      [{ name: 'd', type: 'directory' }, link('d', '/tmp'), file('d/x')],
      '"d" is there twice',
    ],
    ['a file where a directory is', [file('d/x'), file('d')], '"d" is there twice'],
    ['the same path twice', [file('a'), file('./a')], '"./a" is there twice'],
    ['a FIFO', [{ name: 'p', type: 'fifo' }], '"p" is a fifo'],
    [
      'a block device',
      [{ name: 'b', type: 'block-device', devmajor: 8, devminor: 0 }],
      '"b" is a block device',
    ],
    ['a character device', [{ name: 'c', type: 'character-device' }], '"c" is a character device'],
    ['setuid', [{ name: 's', mode: 0o4755, body: 'x' }], '"s" has the setuid or setgid bit'],
    [
      'a path that a PAX header overrides',
      [{ name: 'x', pax: { path: '../../x' }, body: 'x' }],
      '"../../x" leaves the root',
    ],
    ['a path 2,000 folders deep', [file(`${'d/'.repeat(1500)}f`)], 'is more than 256 folders deep'],
    ['a newline in a name', [file('a\nb')], '"a\\nb" has a control character'],
    ['an escape in a name', [file('a\u001b]0;b')], 'has a control character'],
    ['a name of 300 bytes', [file('n'.repeat(300))], 'has a name over 255 bytes'],
    ['no files', [{ name: './', type: 'directory' }], 'The archive has no files'],
  ])('%s', async (_what, entries, message) => {
    const refused = check(gzipSync(await tarBytes(entries)));
    await expect(refused).rejects.toMatchObject({
      id: 'invalid_archive',
      status: 422,
      message: expect.stringContaining(message),
    });
    expect(await readdir(join(root, 'out'))).toEqual([]);
  });

  it.each<[string, () => Promise<Buffer> | Buffer, string]>([
    ['no bytes', () => Buffer.alloc(0), 'no tar archive'],
    ['text', () => Buffer.from('hello world'), 'no tar archive'],
    ['a zip', () => Buffer.from('PK\u0003\u0004aaaa'), 'no tar archive'],
    ['gzipped text', () => gzipSync('hello '.repeat(500)), 'damaged'],
    [
      'its end cut off',
      async () => gzipSync((await tarBytes([file('a', 'y'.repeat(9000))])).subarray(0, 4000)),
      'ends early',
    ],
    [
      'its gzip cut off',
      async () => gzipSync(await tarBytes([file('a', Math.random().toString().repeat(999))])).subarray(0, 60),
      'ends early',
    ],
    [
      'a header that claims 8 GiB',
      async () => gzipSync(claim8GiB(await tarBytes([file('a')]))),
      'ends early',
    ],
    [
      'garbage behind its end',
      async () => Buffer.concat([gzipSync(await tarBytes([file('a')])), Buffer.from('garbage')]),
      'damaged',
    ],
    ['a bad checksum', async () => gzipSync(damage(await tarBytes([file('a')]))), 'damaged'],
  ])('%s', async (_what, make, message) => {
    await expect(check(await make())).rejects.toMatchObject({
      id: 'invalid_archive',
      message: expect.stringContaining(message),
    });
  });
});

describe('refuses as too large', () => {
  it('a bomb, without holding it in memory', async () => {
    const path = join(root, 'bomb.tar.gz');
    const tar = pack();
    const entry = tar.entry({ name: 'zeros', size: 600 * MIB });
    void pipeline(Readable.from(zeros(600)), entry).then(() => tar.finalize());
    await pipeline(tar.pipe(new PassThrough()), createGzip({ level: 1 }), createWriteStream(path));
    const before = process.memoryUsage.rss();
    const refused = checkArchive({
      path,
      maxBytes: 100 * MIB,
      from: 'upload',
      worker: worker.path,
      unpackTo: join(root, 'out'),
    });
    await expect(refused).rejects.toMatchObject({ id: 'payload_too_large', status: 413 });
    expect(process.memoryUsage.rss() - before).toBeLessThan(50 * MIB);
  });

  it('more than 200,000 entries', async () => {
    const path = join(root, 'many.tar.gz');
    const one = await tarBytes([file('aaaaaaaaa', '')]);
    const header = one.subarray(0, 512);
    // In blocks: a piece of a stream for each entry takes ten times as long.
    function* headers() {
      for (let n = 0; n < 200_100; n += 1000) {
        const block = Array.from({ length: 1000 }, (_, index) =>
          rename(header, `f${String(n + index).padStart(8, '0')}`),
        );
        yield Buffer.concat(block);
      }
    }
    await pipeline(Readable.from(headers()), createGzip({ level: 1 }), createWriteStream(path));
    const refused = checkArchive({ path, maxBytes: 1024 * MIB, from: 'upload', worker: worker.path });
    await expect(refused).rejects.toMatchObject({
      id: 'payload_too_large',
      message: expect.stringContaining('200000'),
    });
  });
});

describe('unpacks', () => {
  it('a folder of its own away, keeps modes, links inside and odd names, leaves .git out', async () => {
    const entries = [
      { name: 'app-1.0/', type: 'directory' as const },
      { name: 'app-1.0/run.sh', mode: 0o755, body: '#!/bin/sh' },
      file('app-1.0/.git/config', '[core] fsmonitor=evil'),
      file(`app-1.0/-x $(id) 'q' "d" ü`, 'odd'),
      link('app-1.0/link', './run.sh'),
      link('app-1.0/again', 'link'),
      { ...hard('app-1.0/hard', 'app-1.0/run.sh'), mode: 0o755 },
    ];
    const { bytes } = await check(gzipSync(await tarBytes(entries)));
    const out = join(root, 'out');
    expect(bytes).toBeGreaterThan(1024);
    expect((await readdir(out)).sort()).toEqual([`-x $(id) 'q' "d" ü`, 'again', 'hard', 'link', 'run.sh']);
    expect((await stat(join(out, 'run.sh'))).mode & 0o777).toBe(0o755);
    expect(await readlink(join(out, 'again'))).toBe('link');
    expect(await readFile(join(out, 'hard'), 'utf8')).toBe('#!/bin/sh');
  });

  it('an archive of `.` as it is, also with one folder, in two concatenated gzips', async () => {
    const tar = await tarBytes([{ name: './', type: 'directory' }, file('./public/index.html', 'hi')]);
    const gzip = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]);
    await check(gzip);
    expect(await readdir(join(root, 'out'))).toEqual(['public']);
  });

  it('nothing when only asked to look', async () => {
    await check(gzipSync(await tarBytes([file('a'), file('b')])), { unpack: false });
    expect(await readdir(join(root, 'out'))).toEqual([]);
  });
});

function* zeros(mebibytes: number) {
  for (let n = 0; n < mebibytes; n += 1) yield Buffer.alloc(MIB);
}

function rename(header: Buffer, name: string): Buffer {
  const copy = Buffer.from(header);
  copy.write(name.padEnd(100, '\0'), 0, 'latin1');
  return sum(copy);
}

function sum(header: Buffer): Buffer {
  header.fill(' ', 148, 156);
  const total = header.reduce((a, b) => a + b, 0);
  header.write(`${total.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function claim8GiB(tar: Buffer): Buffer {
  const copy = Buffer.from(tar.subarray(0, 1024));
  copy.write('77777777777\0', 124, 'latin1');
  return Buffer.concat([sum(copy.subarray(0, 512)), copy.subarray(512)]);
}

function damage(tar: Buffer): Buffer {
  const copy = Buffer.from(tar);
  copy.write('evil', 0, 'latin1');
  return copy;
}
