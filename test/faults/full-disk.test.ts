// The engine's disk, a small one of its own, is filled by builds: they say so, apps go on, the next build works.

import { statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Paas, type Repository, startPaas } from '../support/paas.js';
import { openPrivateEngine, type PrivateEngine } from '../support/private-engine.js';
import { importTinyImage } from '../support/tiny-image.js';

const MIB = 1024 ** 2;
// Stands for the stack's build image, which is larger than the disk.
const DRIVER = `#!/bin/sh
set -e
echo "-----> Tiny app detected"
cd /app
. ./build.sh
echo '{"buildpacks":["tiny"],"default_process_types":{}}' > /tmp/paas-release.json
`;

let engine: PrivateEngine;
let paas: Paas;
let steady: Repository;
let filling: Repository;
let watch: { stop(): Promise<{ asked: number; failed: number }> };

beforeAll(async () => {
  engine = await openPrivateEngine({ diskBytes: 900 * MIB });
  const buildImage = await importTinyImage({
    instance: 'full-disk',
    name: 'build',
    directories: ['app', 'cache', 'usr', 'usr/local', 'usr/local/bin', 'env'],
    files: { 'usr/local/bin/paas-build': { text: DRIVER, mode: 0o755 } },
    socketPath: engine.socketPath,
  });
  paas = await startPaas(
    { PAAS_STACK_BUILD_IMAGE: buildImage, PAAS_DISK_BALLAST: '0', PAAS_DISK_CHECK_SECONDS: '1' },
    { engine },
  );
  const files = { 'build.sh': 'echo hello > index.html', Procfile: 'web: python3 -m http.server $PORT\n' };
  await paas.owner.cli(['create', 'steady']);
  steady = await paas.owner.repository('steady', { files });
  const { code, all } = await steady.push();
  expect(code, all).toBe(0);
  await paas.answers('steady', 'hello');
  await paas.owner.cli(['create', 'filling']);
  filling = await paas.owner.repository('filling', { files });
});

afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

beforeEach(() => {
  watch = askAllTheTime();
});

afterEach(async () => {
  const { asked, failed } = await watch.stop();
  expect(asked).toBeGreaterThan(0);
  expect(failed).toBe(0);
});

it.each<[string, string, Readonly<Record<string, string>>, RegExp]>([
  [
    'in a buildpack',
    'packed',
    { 'build.sh': 'dd if=/dev/zero of=big bs=1048576' },
    /remote: +! +The disk of the build is full \(step "Tiny app detected"\)\./,
  ],
  [
    'in a step of a Dockerfile',
    'composed',
    { Dockerfile: 'FROM paas-stack-run:13\nRUN dd if=/dev/zero of=/tmp/big bs=1M\n' },
    /remote: +! +The disk of the build is full \(step "\[.*2\/2\] RUN dd .*"\)\./,
  ],
])('%s', async (_where, app, files, message) => {
  await paas.owner.cli(['create', app]);
  const { code, all } = await (await paas.owner.repository(app, { files })).push();
  expect(code).not.toBe(0);
  expect(all).toMatch(message);
  expect(all).toMatch(
    /remote: +! +Make the build write less, or ask the operator for space on .* engine: paas doctor/,
  );
  await expectNextBuild();
});

it('while the image is made of what the buildpacks left', async () => {
  const { bavail, bsize } = statfsSync(engine.disk);
  const half = Math.round((bavail * bsize * 0.6) / MIB);
  await filling.commit({ 'build.sh': `dd if=/dev/zero of=big bs=1048576 count=${half}` });
  const { code, all } = await filling.push();
  expect(code).not.toBe(0);
  expect(all).toMatch(/remote: +! +The disk of the container engine is full\./);
  await expectNextBuild();
});

it('by others: no build begins until there is room again', async () => {
  engine.fillDisk({ leaveBytes: 20 * MIB });
  await filling.commit({ 'build.sh': 'echo again > index.html' });
  const { code, all } = await filling.push();
  expect(code).not.toBe(0);
  expect(all).toMatch(/The server is low on disk space \(20 MB free.*no build begins/);
  engine.freeDisk();
  await expectNextBuild();
});

async function expectNextBuild(): Promise<void> {
  const word = `word${Math.random()}`;
  await steady.commit({ 'build.sh': `echo ${word} > index.html` });
  const { code, all } = await steady.push();
  expect(code, all).toBe(0);
  await paas.answers('steady', word);
}

/** Ten requests a second to the app that is not built. */
function askAllTheTime() {
  const end = new AbortController();
  let asked = 0;
  let failed = 0;
  async function ask(): Promise<void> {
    while (!end.signal.aborted) {
      const { status } = await paas.http('steady').catch(() => ({ status: 0 }));
      asked += 1;
      if (status !== 200) failed += 1;
      await sleep(100);
    }
  }
  const asking = ask();
  return {
    async stop() {
      end.abort();
      await asking;
      return { asked, failed };
    },
  };
}
