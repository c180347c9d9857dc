// The engine's disk, a small one of its own, is filled by builds: they are ended before it is full and told why, apps and
// all other writes go on, the space comes back, the next build works.

import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { type Paas, type Repository, startPaas } from '../support/paas.js';
import { openPrivateEngine, type PrivateEngine } from '../support/private-engine.js';
import { importTinyImage } from '../support/tiny-image.js';

const MIB = 1024 ** 2;
const FLOOR = 600 * MIB;
const ENDED =
  /remote: +! +The build was ended: the disk of the container engine is nearly full \((\d+) MB of 2\.\d GB were left; builds end below 300 MB\)\./;
const NEXT =
  /remote: +! +Apps go on running\. Make the build write less, or ask the operator for space: paas doctor/;
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
let watch: ReturnType<typeof askAllTheTime>;
let writes: ReturnType<typeof writeAllTheTime>;

beforeAll(async () => {
  engine = await openPrivateEngine({ diskBytes: 2200 * MIB });
  const buildImage = await importTinyImage({
    instance: 'full-disk',
    name: 'build',
    directories: ['app', 'cache', 'usr', 'usr/local', 'usr/local/bin', 'env'],
    files: { 'usr/local/bin/paas-build': { text: DRIVER, mode: 0o755 } },
    socketPath: engine.socketPath,
  });
  paas = await startPaas(
    {
      PAAS_STACK_BUILD_IMAGE: buildImage,
      PAAS_DISK_BALLAST: '0',
      PAAS_DISK_CHECK_SECONDS: '1',
      PAAS_DISK_FLOOR: '600m',
    },
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
  writes = writeAllTheTime();
});

afterEach(async () => {
  const { asked, failed } = await watch.stop();
  expect(asked).toBeGreaterThan(0);
  expect(failed).toBe(0);
  expect(await writes.stop()).toEqual([]);
});

it.each<[string, string, Readonly<Record<string, string>>]>([
  ['in a buildpack', 'packed', { 'build.sh': 'dd if=/dev/zero of=big bs=1048576' }],
  [
    'in a step of a Dockerfile',
    'composed',
    { Dockerfile: 'FROM paas-stack-run:13\nRUN dd if=/dev/zero of=/tmp/big bs=1M\n' },
  ],
])('%s', async (_where, app, files) => {
  await paas.owner.cli(['create', app]);
  const { code, all } = await (await paas.owner.repository(app, { files })).push();
  expect(code).not.toBe(0);
  expect(all).toMatch(ENDED);
  expect(all).toMatch(NEXT);
  expectLeft(all);
  const { stdout } = await paas.owner.cli(['builds', '-a', app]);
  expect(stdout).toMatch(/failed/);
  await expectNextBuild();
});

it('in the cache of the app, which goes when nothing uses it any more', async () => {
  await paas.owner.cli(['create', 'caching']);
  const files = { 'build.sh': 'dd if=/dev/zero of=/cache/big bs=1048576' };
  const { code, all } = await (await paas.owner.repository('caching', { files })).push();
  expect(code).not.toBe(0);
  expect(all).toMatch(ENDED);
  await expectNextBuild(60_000);
});

it('while the image is made of what the buildpacks left', async () => {
  const half = Math.round((freeBytes() * 0.6) / MIB);
  await filling.commit({ 'build.sh': `dd if=/dev/zero of=big bs=1048576 count=${half}` });
  const { code, all } = await filling.push();
  expect(code).not.toBe(0);
  expect(all).toMatch(ENDED);
  expectLeft(all);
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

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(engine.disk);
  return bavail * bsize;
}

/** What the text says was left is true, and it never became less than that by much. */
function expectLeft(output: string): void {
  const told = Number(ENDED.exec(output)?.[1]) * MIB;
  process.stderr.write(
    `${told / MIB} MB left when ended, least ${Math.round(writes.leastFree() / MIB)} MB\n`,
  );
  expect(told).toBeLessThan(FLOOR);
  expect(writes.leastFree()).toBeGreaterThan(0);
}

async function expectNextBuild(withinMs = 20_000): Promise<void> {
  // BuildKit takes away what an ended step had written.
  await eventually('the space is back', () => freeBytes() > FLOOR, withinMs);
  const word = `word${Math.random()}`;
  await steady.commit({ 'build.sh': `echo ${word} > index.html` });
  const { code, all } = await steady.push();
  expect(code, all).toBe(0);
  await paas.answers('steady', word);
}

/** Somebody else writes to the same disk, 64 KB twenty times a second. Resolves with what went wrong. */
function writeAllTheTime() {
  const end = new AbortController();
  const failures: string[] = [];
  let least = Number.POSITIVE_INFINITY;
  async function write(): Promise<void> {
    while (!end.signal.aborted) {
      least = Math.min(least, freeBytes());
      try {
        writeFileSync(join(engine.disk, 'others'), Buffer.alloc(65_536, 'x'));
      } catch (error) {
        failures.push(String(error));
      }
      await sleep(50);
    }
  }
  const writing = write();
  return {
    leastFree: () => least,
    async stop() {
      end.abort();
      await writing;
      return failures;
    },
  };
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
