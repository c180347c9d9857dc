import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Docker from 'dockerode';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSlug } from '../../src/build/build.js';
import { createDeploys, type Deploys, type RunningDeploy } from '../../src/build/deploys.js';
import { removeBuildContainers } from '../../src/build/interrupted.js';
import type { Source } from '../../src/build/source.js';
import { type Database, openDatabase } from '../../src/db/database.js';
import { createDockerEngine } from '../../src/engine/docker.js';
import { EngineFailedError } from '../../src/engine/docker-errors.js';
import { readOpenFilesLimit } from '../../src/engine/open-files.js';
import { type Account, createAccount } from '../../src/platform/accounts.js';
import { type App, createApp } from '../../src/platform/apps.js';
import { setBuildpacks } from '../../src/platform/buildpacks.js';
import { findBuild } from '../../src/platform/builds.js';
import { changeConfig } from '../../src/platform/config-vars.js';
import type { RolloutOutcome } from '../../src/platform/rollout-outcome.js';
import { createDiskSpace } from '../../src/upkeep/disk-space.js';
import { compileArchiveWorker } from '../support/archive-worker.js';
import { expectWithin } from '../support/patience.js';
import { newInstance } from '../support/test-instance.js';
import { importTinyImage } from '../support/tiny-image.js';

// A build image of a busybox and a few lines of shell stands for the stack: the driver's interface is what counts here.
const DRIVER = `#!/bin/sh
echo "-----> Tiny app detected"
cd /app
if [ -f build.sh ]; then . ./build.sh; fi
[ -f app.txt ] || { echo " !     No buildpack matched"; exit 10; }
echo "{\\"buildpacks\\":[\\"tiny\\"],\\"default_process_types\\":{\\"web\\":\\"cat app.txt\\"}}" > /tmp/paas-release.json
`;

const instance = newInstance();
const network = `paas-${instance}-build`;
const subnet = `10.${190 + (process.pid % 10)}.${process.pid % 250}.0/24`;
const docker = new Docker({ socketPath: '/var/run/docker.sock' });
const engine = createDockerEngine({
  socketPath: '/var/run/docker.sock',
  instance,
  maxOpenFiles: await readOpenFilesLimit({ pidFile: '/run/docker.pid' }),
  log: pino({ level: 'silent' }),
});

/** Builds run when nobody else wants the processor: no limit of these tests but where one is the point. */
const BUILD_LIMIT_MS = 200_000;
let root = '';
let db: Database;
let by: Account;
let worker: Awaited<ReturnType<typeof compileArchiveWorker>>;
let stackBuildImage = '';
let stackRunImage = '';
let deploys: Deploys;
const logged: string[] = [];
let rolloutOutcome: RolloutOutcome = { kind: 'live' };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paas-build-'));
  for (const name of ['builds', 'tmp', 'uploads', 'buildpacks', 'repositories'])
    await mkdir(join(root, name));
  await writeFile(join(root, 'ca.crt'), 'certificate of the proxy\n');
  db = openDatabase({ path: join(root, 'paas.sqlite'), key: randomBytes(32), now: Date.now });
  by = await createAccount(db, { email: 'a@example.com', password: 'long enough 1', isAdmin: true });
  worker = await compileArchiveWorker();
  stackRunImage = await importTinyImage({ instance, name: 'run' });
  stackBuildImage = await importTinyImage({
    instance,
    name: 'build',
    directories: ['app', 'cache', 'usr', 'usr/local', 'usr/local/bin', 'env'],
    files: { 'usr/local/bin/paas-build': { text: DRIVER, mode: 0o755 } },
  });
  await engine.ensureNetwork({
    name: network,
    subnet,
    gateway: subnet.replace('0/24', '1'),
    engineRange: subnet,
    isolated: true,
  });
  deploys = makeDeploys({ timeoutMs: BUILD_LIMIT_MS });
});

afterAll(async () => {
  for (const container of await engine.listContainers()) await engine.removeContainer(container.id);
  for (const image of await engine.listImages()) {
    for (const tag of image.tags) await engine.removeImage(tag);
    await engine.removeImage(image.id);
  }
  const { Volumes } = await docker.listVolumes({
    filters: JSON.stringify({ label: [`paas.instance=${instance}`] }),
  });
  for (const volume of Volumes) await engine.removeVolume(volume.Name);
  await engine.removeNetwork(network);
  db.close();
  await worker.remove();
  await rm(root, { recursive: true, force: true });
});

function makeDeploys(options: {
  timeoutMs: number;
  memoryBytes?: number;
  maxSlugBytes?: number;
  requireSpace?: () => Promise<void>;
  buildsDockerfiles?: boolean;
}) {
  const settings = {
    instance,
    stackBuildImage,
    stackRunImage,
    buildpacksDirectory: join(root, 'buildpacks'),
    caBundle: join(root, 'ca.crt'),
    memoryBytes: options.memoryBytes ?? 256 * 1024 * 1024,
    network,
    maxSourceBytes: 64 * 1024 * 1024,
    maxSlugBytes: options.maxSlugBytes ?? 64 * 1024 * 1024,
    buildsDockerfiles: options.buildsDockerfiles ?? true,
    requireSpace: options.requireSpace ?? (async () => undefined),
    archiveWorker: worker.path,
  };
  return createDeploys({
    db,
    log: pino({ level: 'silent' }),
    build: (job) => buildSlug({ ...job, engine, settings }),
    check: async () => undefined,
    removeContainer: engine.removeContainer,
    branches: { check: async () => undefined, settle: async () => undefined },
    timing: { concurrency: 2, timeoutMs: options.timeoutMs },
    directories: { builds: join(root, 'builds'), tmp: join(root, 'tmp'), uploads: join(root, 'uploads') },
    writeLog: (line) => logged.push(`${line.appId} ${line.source}[${line.process}]: ${line.text}`),
    release: {
      async *rollout(release) {
        yield `       rolling v${release.version} out\n`;
        return rolloutOutcome;
      },
      appUrl: (app) => `http://${app.name}.localhost/`,
    },
  });
}

function newApp(): App {
  return createApp(db, { owner: by });
}

/** A commit of a bare repository with these files (a string that begins with `->` is a link). */
async function commit(files: Record<string, string>): Promise<Source> {
  const name = randomBytes(4).toString('hex');
  const work = join(root, 'repositories', name);
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', work, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  await mkdir(work);
  git('init', '-q', '-b', 'main');
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(work, path)), { recursive: true });
    if (text.startsWith('->')) execFileSync('ln', ['-s', '--', text.slice(2), join(work, path)]);
    else await writeFile(join(work, path), text);
  }
  git('add', '-A', '-f');
  git('commit', '-q', '--allow-empty', '-m', 'x');
  return { kind: 'git', repositoryPath: join(work, '.git'), commit: git('rev-parse', 'HEAD'), objectEnv: {} };
}

async function finish(deploy: RunningDeploy) {
  let output = '';
  for await (const text of deploy.output()) output += text;
  return { output, outcome: await deploy.done };
}

async function deploy(app: App, files: Record<string, string>) {
  return await finish(deploys.start({ app, by, source: await commit(files) }));
}

/** What a program prints in the released image. */
async function runIn(image: string | undefined, ...command: string[]): Promise<string> {
  return execFileSync(
    'docker',
    [
      'run',
      '--rm',
      '--network',
      'none',
      '--label',
      `paas.instance=${instance}`,
      '--entrypoint',
      '',
      image ?? '',
      ...command,
    ],
    { encoding: 'utf8' },
  );
}

describe('a git push', () => {
  it('becomes a release whose image has the slug, with the output that Heroku prints', async () => {
    const app = newApp();
    changeConfig(db, { app, updates: { TOKEN: 'canary-7f3a91', MULTI: 'one=1\n$(touch /tmp/x) "q"' }, by });
    const { output, outcome } = await deploy(app, {
      'app.txt': 'hello',
      Procfile: 'worker: sleep 60\n',
      '.slugignore': 'docs/\n*.psd\n!keep.psd\n',
      'docs/a.md': 'x',
      'keep.psd': 'x',
      '.gitattributes': '* export-subst\nsecret.txt export-ignore\n',
      'version.txt': '$Format:%H$',
      'secret.txt': 'kept',
      'build.sh':
        'echo "token $(cat /env/TOKEN)"; wc -c < /env/MULTI; id -u; echo $SSL_CERT_FILE; cat $SSL_CERT_FILE; ls -a; date > /cache/x; mkdir .profile.d; env > env.txt\n',
    });
    if (outcome.kind !== 'released') throw new Error(output);
    const { release } = outcome;
    expect(output).toContain(
      '-----> Tiny app detected\ntoken [hidden]\n25\n20000\n/etc/paas/ca-bundle.crt\ncertificate of the proxy\n',
    );
    expect(output).not.toMatch(/docs|psd/);
    expect(output).toContain(
      '-----> Discovering process types\n       Procfile declares types     -> worker\n       Default types for buildpack -> web\n-----> Compressing...\n       Done: ',
    );
    expect(output).toContain(
      `-----> Launching...\n       Released v3\n       rolling v3 out\n       http://${app.name}.localhost/ deployed\n`,
    );
    expect(release).toMatchObject({
      version: 3,
      processTypes: { worker: 'sleep 60', web: 'cat app.txt' },
      buildpacks: ['tiny'],
    });
    expect(await runIn(release.image, 'cat', '/app/app.txt', '/app/version.txt', '/app/secret.txt')).toBe(
      'hello$Format:%H$kept',
    );
    expect(await runIn(release.image, 'stat', '-c', '%u:%g %a', '/app', '/app/.profile.d')).toBe(
      '20000:20000 755\n20000:20000 755\n',
    );
    expect(findBuild(db, app, release.buildId ?? '')).toMatchObject({
      status: 'succeeded',
      releaseVersion: 3,
    });
    expect(logged).toContain(`${app.id} app[build]: -----> Tiny app detected`);
    let kept = '';
    for await (const text of deploys.readOutput(release.buildId ?? '')) kept += text;
    expect(kept).toBe(output);
    await expectNothingLeft();
    expect(
      JSON.stringify([
        await docker.getImage(release.image ?? '').inspect(),
        await docker.getImage(release.image ?? '').history(),
      ]),
    ).not.toContain('canary-7f3a91');
    expect(await runIn(release.image, 'cat', '/app/env.txt')).not.toContain('canary-7f3a91');
  });

  it.each<[string, Record<string, string>, string]>([
    ['no buildpack matches', { 'x.txt': 'x' }, ' !     No buildpack matched the app.'],
    ['the tree is empty', {}, ' !     '],
    [
      'the buildpack fails',
      { 'build.sh': 'echo before; exit 3' },
      'before\n\n !     The buildpack ended with exit code 3.',
    ],
    [
      'the Procfile is wrong',
      { 'app.txt': 'x', Procfile: 'web node x\n' },
      ' !     The Procfile line 1: expected',
    ],
    [
      'the Procfile is empty',
      { 'app.txt': 'x', Procfile: '# nothing\n' },
      ' !     The Procfile declares no process types',
    ],
    [
      'the Procfile is a link',
      { 'app.txt': 'x', Procfile: '->/etc/passwd' },
      ' !     Procfile must be a regular file.',
    ],
    [
      'the Procfile is a directory',
      { 'app.txt': 'x', 'Procfile/x': 'x' },
      ' !     Procfile must be a regular file.',
    ],
    [
      'app.json is a link',
      { 'app.txt': 'x', 'app.json': '->/etc/shadow' },
      ' !     app.json must be a regular file.',
    ],
    [
      'the disk is full',
      { 'build.sh': 'echo "cp: write error: No space left on device"; exit 1' },
      ' !     The disk of the build is full (step "Tiny app detected").',
    ],
    [
      'memory runs out',
      { 'build.sh': 'awk "BEGIN { x = \\"x\\"; while (1) x = x x }"' },
      'Out of memory at step Tiny app detected, limit 256 MB',
    ],
  ])('fails and says so when %s', async (_when, files, message) => {
    const app = newApp();
    const { output, outcome } = await deploy(app, files);
    expect(output).toContain(message);
    expect(outcome.kind).toBe('failed');
    await expectNothingLeft();
  });

  it('without web process is released and says that nothing is routed', async () => {
    const { output, outcome } = await deploy(newApp(), {
      'app.txt': 'x',
      Procfile: 'worker: x\n',
      'build.sh':
        'trap "echo {\\\\\\"buildpacks\\\\\\":[],\\\\\\"default_process_types\\\\\\":{}} > /tmp/paas-release.json" EXIT\n',
    });
    expect(outcome.kind).toBe('released');
    expect(output).toContain('There is no web process; nothing to route.');
  });

  it('with submodules warns, and with links out of the tree builds', async () => {
    const { output, outcome } = await deploy(newApp(), {
      'app.txt': 'x',
      '.gitmodules': '[submodule "x"]\n path = x\n url = ext::sh -c id\n',
      out: '->/etc/hostname',
      "odd $(id) 'q' -x": 'x',
    });
    expect(outcome.kind).toBe('released');
    expect(output).toContain('has submodules');
  });

  it('tells the outcome of the rollout', async () => {
    rolloutOutcome = { kind: 'release-phase-failed', exitCode: 4 };
    const failed = await deploy(newApp(), { 'app.txt': 'x' });
    rolloutOutcome = { kind: 'live' };
    expect(failed.output).toContain(' !     The release command failed with exit code 4');
    expect(failed.outcome.kind).toBe('failed');
  });
});

describe('a build', () => {
  it('waits for another one of its app, says its place, and goes when a newer one comes', async () => {
    const app = newApp();
    const source = await commit({ 'app.txt': 'x', 'build.sh': 'echo going; sleep 1' });
    const first = deploys.start({ app, by, source });
    for await (const text of first.output()) if (text.includes('going')) break;
    const second = deploys.start({ app, by, source });
    const third = deploys.start({ app, by, source });
    const ends = await Promise.all([first, second, third].map(finish));
    expect(ends.map((end) => end.outcome.kind)).toEqual(['released', 'canceled', 'released']);
    expect(ends[0]?.output).not.toContain('waiting');
    expect(ends[1]?.output).toContain(` !     Superseded by build ${third.buildId}, which is newer.\n`);
    expect(ends[2]?.output).toContain(`-----> Another build of ${app.name} is running; waiting (place 1)\n`);
    expect(findBuild(db, app, second.buildId)).toMatchObject({ status: 'canceled' });
    expect(findBuild(db, app, third.buildId)).toMatchObject({ status: 'succeeded', buildpacks: ['tiny'] });
  });

  it('that is canceled is killed with all its processes', async () => {
    const app = newApp();
    const mark = `33${process.pid}`;
    const running = deploys.start({
      app,
      by,
      source: await commit({ 'build.sh': `echo going; sleep ${mark} & sleep ${mark}` }),
    });
    for await (const text of running.output()) if (text.includes('going')) break;
    await expect.poll(() => isRunning(`sleep ${mark}`), { timeout: 30_000 }).toBe(true);
    const asked = performance.now();
    await running.cancel('you asked for it');
    expectWithin('a build is canceled', performance.now() - asked, 2000);
    expect(await running.done).toMatchObject({ kind: 'canceled' });
    expect(await isRunning(`sleep ${mark}`)).toBe(false);
    expect(findBuild(db, app, running.buildId)).toMatchObject({ status: 'canceled' });
    expect(await readFile(join(root, 'builds', `${running.buildId}.log`), 'utf8')).toContain(
      ' !     The build was canceled: you asked for it.',
    );
    expect(deploys.find(running.buildId)).toBeUndefined();
    await expectNothingLeft();
  });

  it('that is canceled gives its turn back also when the engine cannot remove its container', async () => {
    const running = deploys.start({
      app: newApp(),
      by,
      source: await commit({ 'build.sh': 'echo going; sleep 600' }),
    });
    for await (const text of running.output()) if (text.includes('going')) break;
    const { removeContainer } = engine;
    engine.removeContainer = async () => {
      throw new EngineFailedError('service_unavailable', 'busy');
    };
    try {
      const asked = performance.now();
      await running.cancel('you asked for it');
      expectWithin('a build is canceled', performance.now() - asked, 2000);
      expect(await running.done).toMatchObject({ kind: 'canceled' });
    } finally {
      engine.removeContainer = removeContainer;
      await removeBuildContainers(engine, pino({ level: 'silent' }));
    }
  });

  it('that takes too long, makes too much or finds a full disk is refused', async () => {
    const app = newApp();
    const slow = makeDeploys({ timeoutMs: 1500 }).start({
      app,
      by,
      source: await commit({ 'build.sh': 'sleep 600' }),
    });
    expect((await finish(slow)).output).toContain(
      ' !     The build was stopped at its time limit of 2 seconds.',
    );
    const source = await commit({ 'app.txt': 'x', 'build.sh': 'dd if=/dev/zero of=big bs=1024 count=2048' });
    const large = makeDeploys({ timeoutMs: BUILD_LIMIT_MS, maxSlugBytes: 1024 * 1024 }).start({
      app,
      by,
      source,
    });
    expect((await finish(large)).output).toContain(' !     The slug is larger than 1.0M.');
    const { requireSpace } = createDiskSpace({ dataDir: root, engine, floor: { bytes: 2 ** 60 } });
    const full = makeDeploys({ timeoutMs: BUILD_LIMIT_MS, requireSpace }).start({ app, by, source });
    expect((await finish(full)).output).toContain(' !     The server is low on disk space');
    await expectNothingLeft();
  });

  it('that was ended by a stop is built by the next daemon, its containers removed', async () => {
    const app = newApp();
    const flag = join(root, 'buildpacks', `go-${app.name}`);
    const script = `[ -f /buildpacks/go-${app.name} ] || { echo waiting; sleep 600; }`;
    const before = makeDeploys({ timeoutMs: BUILD_LIMIT_MS });
    const running = before.start({ app, by, source: await commit({ 'app.txt': 'x', 'build.sh': script }) });
    for await (const text of running.output()) if (text.includes('waiting')) break;
    await before.stop();
    expect(await running.done).toEqual({ kind: 'interrupted' });
    expect(findBuild(db, app, running.buildId)).toMatchObject({ status: 'queued', attempts: 0, position: 1 });
    await removeBuildContainers(engine, pino({ level: 'silent' }));
    await expectNothingLeft();
    await writeFile(flag, '');
    const after = makeDeploys({ timeoutMs: BUILD_LIMIT_MS });
    await after.resume();
    const resumed = after.find(running.buildId);
    if (resumed === undefined) throw new Error('the build was not taken up');
    const { output, outcome } = await finish(resumed);
    expect(outcome.kind).toBe('released');
    expect(output).toContain('the build goes on by itself after that');
    expect(findBuild(db, app, running.buildId)).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect(await removeBuildContainers(engine, pino({ level: 'silent' }))).toBe(0);
  });
});

describe('a Dockerfile', () => {
  const dockerfile = () => `FROM ${stackRunImage} AS one
RUN cat $SSL_CERT_FILE > /tmp/ca && \\
  # between
  echo "node: $NODE_EXTRA_CA_CERTS"
COPY . /src
FROM one
CMD ["cat", "/src/a.txt"]
`;

  it('is built with the CA bundle at hand in RUN only, without what .dockerignore names', async () => {
    const { output, outcome } = await deploy(newApp(), {
      Dockerfile: dockerfile(),
      'a.txt': 'hello',
      'b.md': 'x',
      '.dockerignore': '*.md\n!c.md\n',
      'c.md': 'x',
    });
    if (outcome.kind !== 'released') throw new Error(output);
    expect(output).toMatch(/node: \/etc\/paas\/ca-bundle\.crt/);
    expect(outcome.release).toMatchObject({ processTypes: { web: '' }, buildpacks: ['dockerfile'] });
    expect(await runIn(outcome.release.image, 'ls', '/src')).toBe('Dockerfile\na.txt\nc.md\n');
    expect(await runIn(outcome.release.image, 'cat', '/tmp/ca')).toBe('certificate of the proxy\n');
    expect(await runIn(outcome.release.image, 'env')).not.toMatch(/CERT/);
    await expectNothingLeft();
  });

  it('with a Procfile takes its commands from there; one that is asked for but missing fails', async () => {
    const app = newApp();
    const { outcome } = await deploy(app, {
      Dockerfile: `FROM ${stackRunImage}\n`,
      Procfile: 'web: echo hi\n',
    });
    expect(outcome).toMatchObject({ kind: 'released', release: { processTypes: { web: 'echo hi' } } });
    const changed = setBuildpacks(db, { app, by, buildpacks: ['dockerfile'] });
    expect((await deploy(changed, { 'app.txt': 'x' })).output).toContain(' !     There is no Dockerfile');
    const failed = await deploy(changed, { Dockerfile: `FROM ${stackRunImage}\nRUN exit 5\n` });
    expect(failed.output).toMatch(/ ! {5}.*exit code: 5/);
    expect(failed.output).toMatch(/^ +#\d+ \[stage-0 2\/2\] RUN exit 5$/m);
    expect(failed.output).not.toContain('--mount');
    const full = await deploy(changed, {
      Dockerfile: `FROM ${stackRunImage}\nRUN echo No space left on device; exit 1\n`,
    });
    expect(full.output).toMatch(/ ! {5}The disk of the build is full \(step "\[stage-0 2\/2\] RUN/);
  });

  it('is refused where the server builds none, unless buildpacks are set', async () => {
    const strict = makeDeploys({ timeoutMs: BUILD_LIMIT_MS, buildsDockerfiles: false });
    const source = await commit({ Dockerfile: `FROM ${stackRunImage}\n`, 'app.txt': 'x' });
    const refused = strict.start({ app: newApp(), by, source });
    expect(await refused.done).toMatchObject({
      kind: 'failed',
      message: 'This server does not build Dockerfiles.',
    });
    const app = setBuildpacks(db, { app: newApp(), by, buildpacks: ['static'] });
    expect(await strict.start({ app, by, source }).done).toMatchObject({
      kind: 'released',
      release: { buildpacks: ['tiny'] },
    });
  });

  it('that is canceled is killed with all its processes', async () => {
    const mark = `44${process.pid}`;
    const dockerfile = `FROM ${stackRunImage}\nENV MARK=${mark}\nRUN echo going; sleep ${mark} & sleep ${mark}\n`;
    const running = deploys.start({ app: newApp(), by, source: await commit({ Dockerfile: dockerfile }) });
    await expect.poll(() => isRunning(`sleep ${mark}`), { timeout: 30_000 }).toBe(true);
    const asked = performance.now();
    await running.cancel('you asked for it');
    await expect.poll(() => isRunning(`sleep ${mark}`), { timeout: 30_000, interval: 20 }).toBe(false);
    expectWithin('a build is canceled', performance.now() - asked, 2000);
    expect((await running.done).kind).toBe('canceled');
  });
});

describe('a Dockerfile step that needs more memory than it may have', () => {
  it.each([
    ['is killed itself', 'awk "BEGIN { x = 1; while (1) x = x x }"'],
    ['has a child that is killed', 'awk "BEGIN { x = 1; while (1) x = x x }"; echo went on; exit 3'],
  ])('%s', async (_which, command) => {
    const { output, outcome } = await deploy(newApp(), {
      Dockerfile: `FROM ${stackRunImage}\nENV ROUND=${randomBytes(4).toString('hex')}\nRUN sleep 0.3; ${command}\n`,
    });
    expect(output).toMatch(/ ! {5}Out of memory at step RUN sleep 0\.3; awk .*, limit 256 MB\.\n/);
    expect(outcome.kind).toBe('failed');
  });
});

describe('an image', () => {
  it('is released as it is', async () => {
    const reference = `127.0.0.1:1/${instance}:1`;
    await docker.getImage(stackRunImage).tag({ repo: `127.0.0.1:1/${instance}`, tag: '1' });
    try {
      const running = deploys.start({ app: newApp(), by, source: { kind: 'image', reference } });
      const { outcome } = await finish(running);
      const { id } = await engine.inspectImage(stackRunImage);
      expect(outcome).toMatchObject({ kind: 'released', release: { image: id, processTypes: { web: '' } } });
    } finally {
      await docker.getImage(reference).remove();
    }
  });

  it('of another app cannot be had by its tag', async () => {
    const source: Source = { kind: 'image', reference: stackRunImage };
    const { outcome } = await finish(deploys.start({ app: newApp(), by, source }));
    expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringContaining('no image reference') });
  });

  it.each(['127.0.0.1:1/no:1', 'a b', '--help', 'x\ny'])('%j that cannot be had fails', async (reference) => {
    const { outcome } = await finish(
      deploys.start({ app: newApp(), by, source: { kind: 'image', reference } }),
    );
    expect(outcome.kind).toBe('failed');
  });
});

async function expectNothingLeft(): Promise<void> {
  expect(await engine.listContainers()).toEqual([]);
  expect(await readdir(join(root, 'tmp'))).toEqual([]);
}

async function isRunning(commandLine: string): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.some((line) => line.replaceAll('\0', ' ').trim() === commandLine);
}
