// A tiny image (a static busybox) for tests against the real Docker, labelled for the test that asked for it.

import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import { pack } from 'tar-stream';

/** Imports the image and returns its tag. `instance` is what the engine under test is given. */
export async function importTinyImage(options: {
  instance: string;
  name: string;
  files?: Readonly<Record<string, { text: string; mode?: number }>>;
  directories?: readonly string[];
  command?: readonly string[];
  /** Of the engine that gets it. */
  socketPath?: string;
}): Promise<string> {
  const tar = pack();
  const busybox = await readFile('/bin/busybox');
  const owner = { uid: 20000, gid: 20000 };
  for (const name of ['bin', 'etc', 'tmp']) tar.entry({ name, type: 'directory', mode: 0o1777 });
  for (const name of options.directories ?? ['app'])
    tar.entry({ name, type: 'directory', mode: 0o755, ...owner });
  tar.entry({ name: 'bin/busybox', mode: 0o755 }, busybox);
  for (const name of TOOLS) tar.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  for (const [name, file] of Object.entries(options.files ?? {})) {
    tar.entry({ name, mode: file.mode ?? 0o644 }, file.text);
  }
  tar.finalize();
  const docker = new Docker({ socketPath: options.socketPath ?? '/var/run/docker.sock' });
  const tag = `paas-${options.instance}/${options.name}`;
  const done = await docker.importImage(tar.pipe(new PassThrough()), {
    repo: tag,
    tag: 'test',
    changes: [
      `LABEL paas.instance=${options.instance}`,
      'ENV PATH=/bin',
      ...(options.command === undefined ? [] : [`CMD ${JSON.stringify(options.command)}`]),
    ],
  });
  for await (const _ of done) {
    // Its end is what counts.
  }
  return `${tag}:test`;
}

const TOOLS = [
  ...['sh', 'cat', 'echo', 'sleep', 'true', 'false', 'id', 'ls', 'env', 'tar', 'grep', 'dd', 'kill', 'touch'],
  ...[
    'mkdir',
    'cp',
    'mv',
    'rm',
    'stat',
    'wc',
    'head',
    'seq',
    'date',
    'test',
    'printf',
    'find',
    'ln',
    'ulimit',
    'awk',
    'httpd',
  ],
];
