// The queue of builds: over restarts of the daemon, and with many pushes at once. Everything is real but the builder.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/platform/apps.js';
import { findBuild, listBuilds, requeueBuild, startBuild } from '../../src/platform/builds.js';
import { listIncidents } from '../../src/platform/incidents.js';
import { listReleases } from '../../src/platform/releases.js';
import { startTestServer, type TestServer, until } from '../support/api-server.js';
import { createFakeDeploys, type FakeDeploys, type Script } from '../support/fake-deploys.js';

const NO_BRANCHES = { check: async () => undefined, settle: async () => undefined };
const IMAGE = { kind: 'image', reference: 'example' } as const;

let test: TestServer;
let owner: Awaited<ReturnType<TestServer['addAccount']>>;
let scratch: string;

beforeEach(async () => {
  test = await startTestServer();
  owner = await test.addAccount('owner@example.com');
  scratch = mkdtempSync(join(tmpdir(), 'paas-queue-'));
});
afterEach(async () => {
  await test[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

/** A daemon's deploys, one build at a time, on the same database as others. */
function nextDaemon(): FakeDeploys {
  return createFakeDeploys({ db: test.db, directory: scratch, branches: NO_BRANCHES, concurrency: 1 });
}

const endless: Script = async function* ({ signal }) {
  yield 'going\n';
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return 'released';
};

it('builds in the order of the pushes, however long each needs to open its output', async () => {
  const apps = Array.from({ length: 30 }, () => createApp(test.db, { owner: owner.account }));
  const deploys = nextDaemon();
  await Promise.all(apps.map((app) => deploys.start({ app, by: owner.account, source: IMAGE }).done));
  expect(deploys.started.map(({ app }) => app.name)).toEqual(apps.map(({ name }) => name));
});

describe('a build that is to wait for a crowd of pushes', () => {
  it('lets other apps by, and begins when that is over', async () => {
    const [app, other] = ['one', 'two'].map((name) => createApp(test.db, { name, owner: owner.account }));
    if (app === undefined || other === undefined) throw new Error('no apps');
    const deploys = nextDaemon();
    let disperse: () => void = () => undefined;
    const crowd = new Promise<void>((resolve) => {
      disperse = resolve;
    });
    const build = deploys.start({ app, by: owner.account, source: IMAGE, after: crowd });
    await deploys.start({ app: other, by: owner.account, source: IMAGE }).done;
    expect(deploys.started.map(({ app: { name } }) => name)).toEqual(['two']);
    disperse();
    expect((await build.done).kind).toBe('released');
  });

  it('is superseded, or ended, while it waits', async () => {
    const app = createApp(test.db, { owner: owner.account });
    const deploys = nextDaemon();
    const never = new Promise<void>(() => undefined);
    const first = deploys.start({ app, by: owner.account, source: IMAGE, after: never });
    const second = deploys.start({ app, by: owner.account, source: IMAGE, after: never });
    expect(await first.done).toMatchObject({
      kind: 'canceled',
      message: expect.stringContaining(second.buildId),
    });
    await deploys.stop();
    expect((await second.done).kind).toBe('interrupted');
    expect(deploys.started).toEqual([]);
  });
});

describe('a restart', () => {
  it('goes on with the queue in its order, the build that ran first', async () => {
    const apps = ['one', 'two', 'three'].map((name) => createApp(test.db, { name, owner: owner.account }));
    const before = nextDaemon();
    before.script = endless;
    const running = apps.map((app) => before.start({ app, by: owner.account, source: IMAGE }));
    await until('the first builds', () => before.started.length === 1);
    const places = () => apps.map((app) => listBuilds(test.db, app.id)[0]?.position);
    expect(places()).toEqual([undefined, 1, 2]);
    await before.stop();
    expect((await Promise.all(running.map(({ done }) => done))).map(({ kind }) => kind)).toEqual(
      running.map(() => 'interrupted'),
    );
    expect(places()).toEqual([1, 2, 3]);
    const after = nextDaemon();
    await after.resume();
    await Promise.all(running.map(({ buildId }) => after.find(buildId)?.done));
    expect(after.started.map(({ app }) => app.name)).toEqual(['one', 'two', 'three']);
    expect(apps.map((app) => listReleases(test.db, app.id).length)).toEqual([2, 2, 2]);
  });

  it('builds again what a kill ended, once', async () => {
    const app = createApp(test.db, { owner: owner.account });
    const before = nextDaemon();
    before.script = endless;
    const { buildId } = before.start({ app, by: owner.account, source: IMAGE });
    await until('it builds', () => before.started.length === 1);
    // What `kill -9` leaves: the row says that it runs.
    await before.stop();
    startBuild(test.db, buildId);
    const after = nextDaemon();
    after.script = endless;
    await after.resume();
    await until('it builds again', () => after.started.length === 1);
    let output = '';
    void (async () => {
      for await (const text of after.readOutput(buildId)) output += text;
    })();
    await until('it says so', () => output.includes('-----> The platform restarted; building again\n'));
    await after.stop();
    startBuild(test.db, buildId);
    requeueBuild(test.db, buildId, { wasEndedInOrder: false });
    startBuild(test.db, buildId);
    const last = nextDaemon();
    await last.resume();
    await last.find(buildId)?.done;
    expect(findBuild(test.db, app, buildId)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('interrupted by a restart of the platform'),
    });
    expect(last.started).toEqual([]);
    expect(listIncidents(test.db, app.id)).toMatchObject([{ kind: 'build-failed' }]);
  });
});

describe('many pushes at once', () => {
  it('to one app are all answered, and the accepted ones are its releases', async () => {
    const origin = await test.listen();
    const app = createApp(test.db, { owner: owner.account });
    let building = 0;
    let most = 0;
    test.deploys.script = async function* () {
      building += 1;
      most = Math.max(most, building);
      yield '-----> Building\n';
      await new Promise((resolve) => setTimeout(resolve, 300));
      building -= 1;
      return 'released';
    };
    const remote = `${origin.replace('http://', `http://paas:${owner.token}@`)}/${app.name}.git`;
    const pushes = Array.from({ length: 30 }, (_, index) => push(clone(`c${index}`), remote));
    const ends = await Promise.all(pushes);
    const accepted = ends.filter(({ code }) => code === 0);
    expect(most).toBe(1);
    expect(accepted.length).toBeGreaterThan(0);
    expect(listReleases(test.db, app.id)).toHaveLength(accepted.length + 1);
    // One that asks for the refs after the first has moved them is refused by its own git.
    for (const { code, output } of ends)
      if (code !== 0) expect(output).toMatch(/Superseded by build|Another push moved main|fetch first/);
  });
});

/** A repository with a commit of its own. */
function clone(name: string): string {
  const directory = join(scratch, name);
  const git = (...args: string[]) => execFileSync('git', args, { env: gitEnv(), stdio: 'ignore' });
  git('init', '-q', '-b', 'main', directory);
  writeFileSync(join(directory, 'file'), name);
  git('-C', directory, 'add', '.');
  git('-C', directory, 'commit', '-q', '-m', name);
  return directory;
}

function push(directory: string, remote: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('git', ['push', remote, 'main'], { cwd: directory, env: gitEnv() });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('close', (code) => resolve({ code, output }));
  });
}

function gitEnv(): Record<string, string> {
  const who = { NAME: 'a', EMAIL: 'a@example.com' };
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: scratch,
    GIT_TERMINAL_PROMPT: '0',
    ...Object.fromEntries(
      Object.entries(who).flatMap(([key, value]) => [
        [`GIT_AUTHOR_${key}`, value],
        [`GIT_COMMITTER_${key}`, value],
      ]),
    ),
  };
}
