import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pino } from 'pino';
import { pack } from 'tar-fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuildSettings, buildSlug } from '../../src/build/build.js';
import { createDockerEngine } from '../../src/engine/docker.js';
import { readOpenFilesLimit } from '../../src/engine/open-files.js';
import type { App } from '../../src/platform/apps.js';
import { compileArchiveWorker } from '../support/archive-worker.js';
import { newInstance } from '../support/test-instance.js';

// A Dockerfile on the real stack image and the network. What buildpacks make is buildpacks.test.ts, and e2e/push.test.ts by push.
const instance = newInstance();
const engine = createDockerEngine({
  socketPath: '/var/run/docker.sock',
  instance,
  maxOpenFiles: await readOpenFilesLimit({ pidFile: '/run/docker.pid' }),
  log: pino({ level: 'silent' }),
});
const network = `paas-${instance}-build`;
const subnet = `10.${180 + (process.pid % 10)}.${process.pid % 250}.0/24`;
const MIB = 1024 * 1024;
let root = '';
let settings: BuildSettings;
let removeWorker: () => Promise<void> = async () => {};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paas-stack-'));
  const worker = await compileArchiveWorker();
  removeWorker = worker.remove;
  await engine.ensureNetwork({
    name: network,
    subnet,
    gateway: subnet.replace('0/24', '1'),
    engineRange: subnet,
    isolated: true,
  });
  settings = {
    instance,
    stackBuildImage: 'paas-stack-build:13',
    stackRunImage: 'paas-stack-run:13',
    buildpacksDirectory: new URL('../../buildpacks', import.meta.url).pathname,
    caBundle: '/etc/ssl/certs/ca-certificates.crt',
    memoryBytes: 2048 * MIB,
    network,
    maxSourceBytes: 512 * MIB,
    maxSlugBytes: 1024 * MIB,
    buildsDockerfiles: true,
    requireSpace: async () => undefined,
    archiveWorker: worker.path,
  };
});

afterAll(async () => {
  await Promise.all(discarded);
  for (const container of await engine.listContainers()) await engine.removeContainer(container.id);
  for (const image of await engine.listImages()) for (const tag of image.tags) await engine.removeImage(tag);
  await engine.removeVolume(`paas-cache-${instance}-dockerfile`);
  await engine.removeNetwork(network);
  await removeWorker();
  await rm(root, { recursive: true, force: true });
});

const discarded: Promise<void>[] = [];

async function build(id: string, files: Record<string, string>) {
  const source = join(root, `${randomBytes(4).toString('hex')}`);
  await mkdir(source);
  for (const [name, text] of Object.entries(files)) await writeFile(join(source, name), text);
  const path = `${source}.tar.gz`;
  await pipeline(pack(source).pipe(new PassThrough()), createGzip(), createWriteStream(path));
  // Only these fields of an app count in a build.
  const app = { id, name: id, buildpacks: [], stack: 'paas-13' } as unknown as App;
  const steps = buildSlug({
    engine,
    settings,
    app,
    buildId: randomBytes(16).toString('hex'),
    source: { kind: 'archive', path },
    config: {},
    directory: join(root, `work-${randomBytes(4).toString('hex')}`),
    discard: (containerId) => void discarded.push(engine.removeContainer(containerId)),
    signal: AbortSignal.timeout(280_000),
  });
  const started = performance.now();
  for (let output = ''; ; ) {
    const step = await steps.next();
    if (step.done) return { output, built: step.value, ms: Math.round(performance.now() - started) };
    output += step.value;
  }
}

const server = "require('express')().get('/', (_, r) => r.send('hi')).listen(process.env.PORT)\n";
const manifest = JSON.stringify({
  name: 'x',
  version: '1.0.0',
  scripts: { start: 'node server.js' },
  dependencies: { express: '4.21.2' },
});

it('builds a Dockerfile whose RUN needs the network behind a proxy', { timeout: 300_000 }, async () => {
  const dockerfile =
    'FROM paas-stack-build:13\nWORKDIR /tmp/x\nCOPY --chown=20000:20000 package.json .\nRUN npm install --no-audit --no-fund\nCOPY . .\nCMD ["node", "server.js"]\n';
  const files = { Dockerfile: dockerfile, 'package.json': manifest, 'server.js': server };
  const first = await build('dockerfile', files);
  expect(first.built.processTypes).toEqual({ web: '' });
  const again = await build('dockerfile', { ...files, 'server.js': `${server}// 2\n` });
  expect(again.output).toContain('CACHED');
});
