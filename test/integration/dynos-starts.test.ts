// Starts of dynos that go wrong, and what others notice of it: nothing.

import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import { type App, updateApp } from '../../src/platform/apps.js';
import { setChecks } from '../../src/platform/checks.js';
import { beginEnding, getEnding } from '../../src/platform/dyno-endings.js';
import { listCrashes } from '../../src/platform/dyno-wishes.js';
import { scale } from '../../src/platform/formation.js';
import { createDeployRelease } from '../../src/platform/make-release.js';
import { eventually, type House, openHouse, RUN_IMAGE } from '../support/house.js';

const WEB = 'exec python3 -m http.server $PORT --bind 0.0.0.0';

let house: House;
beforeAll(async () => {
  house = await openHouse({ bootTimeoutMs: 600_000 });
});
afterAll(async () => {
  await house?.[Symbol.asyncDispose]();
});

it('starts an app while another has more dynos that never come up than may boot at once', async () => {
  const stuck = house.createApp('stuck');
  await house.deploy(stuck, { web: 'exec sleep 600' });
  scaleWeb(stuck, 12);
  await eventually('ten of its containers', async () => (await containers(stuck)) >= 10);
  const quick = house.createApp('quick');
  expect(await house.settle(await house.deploy(quick, { web: WEB }))).toBe('live');
  // They wait and do not work, so they keep their own app's from starting no more than others'.
  await eventually('all of its containers', async () => (await containers(stuck)) === 12);
  scaleWeb(stuck, 0);
  await eventually('none of its containers', async () => (await containers(stuck)) === 0, 60_000);
});

// It listens at once, and is ready when the file is there.
const READY_LATER = `exec python3 -c '
import http.server, os
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/" or os.path.exists("/tmp/ready") else 503); self.end_headers()
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()
'`;

it('goes on checking a dyno that boots while the daemon starts again, and takes one that was up as it is', async () => {
  const app = house.createApp('booting');
  await house.settle(await house.deploy(app, { web: READY_LATER, worker: 'exec sleep 600' }));
  scale(house.db, { app, updates: [{ type: 'worker', quantity: 1 }] });
  await eventually('both are up', async () => (await states(app)) === 'v2 web up, v2 worker up');
  const settings = { command: ['test', '-f', '/tmp/ready'] };
  setChecks(house.db, { app, type: 'worker', phases: ['startup'], settings });
  updateApp(house.db, { app, healthPath: '/ready' });
  await house.deploy(app, { web: READY_LATER, worker: 'exec sleep 600' });
  await eventually('the new one listens', async () => (await containers(app)) === 3);
  await eventually('it answers', async () => await listens(app, '3'));
  await house.restartLoop();
  for (let pass = 0; pass < 3; pass += 1) {
    await house.dynos.whenRouted();
    expect(await states(app)).toBe('v2 web up, v2 worker up');
  }
  await makeReady(app, 'web');
  await eventually(
    'the new worker boots',
    async () =>
      (await states(app)) === 'v3 web up, v3 worker starting' && (await isRunning(app, 'worker', '3')),
  );
  await house.restartLoop();
  await house.dynos.whenRouted();
  expect(await states(app), await house.logText(app)).toBe('v3 web up, v3 worker starting');
  await makeReady(app, 'worker');
  await eventually('it is up', async () => (await states(app)) === 'v3 web up, v3 worker up');
  expect(await house.logText(app)).not.toContain('crashed');
});

describe('a container that the engine will not start', () => {
  it.each([
    ['for its user', 'USER nosuch', 'Could not start: The image has no such user'],
    ['for no reason that it tells', 'USER 4294967295', 'Could not start: The container engine failed'],
  ])('counts as a crash %s, and the deploy ends', async (why, line, said) => {
    const app = house.createApp(`refused-${line.length}`);
    const tag = `${house.instance}-refused:${line.length}`;
    const lines = [`FROM ${RUN_IMAGE}`, line, `LABEL ${LABEL.instance}=${house.instance}`].join('\n');
    const env = { ...process.env, DOCKER_BUILDKIT: '0' };
    execFileSync('docker', ['build', '-q', '-t', tag, '-'], { input: lines, env });
    try {
      const { id: image } = await house.engine.inspectImage(tag);
      const release = createDeployRelease(house.db, {
        app,
        by: house.account,
        image,
        processTypes: { web: 'exec sleep 600' },
        buildpacks: [],
        description: why,
      });
      expect(await house.settle(release)).toBe('unhealthy');
      expect(listCrashes(house.db, app.id)).toMatchObject([{ count: 2, kind: 'could-not-start' }]);
      expect(await house.logText(app)).toContain(said);
    } finally {
      scaleWeb(app, 0);
      await house.engine.removeImage(tag);
    }
  });
});

it('counts no crash of a dyno that was stopped between its create and its start', async () => {
  const app = house.createApp('changed-mind');
  const { engine } = house;
  const { startContainer } = engine;
  const failed: unknown[] = [];
  engine.startContainer = async (id) => {
    scaleWeb(app, 0);
    await eventually(
      'its container is gone',
      async () => (await engine.listContainers({ app: app.id })).length === 0,
    );
    await startContainer(id).catch((error: unknown) => {
      failed.push(error);
      throw error;
    });
  };
  try {
    await house.deploy(app, { web: WEB });
    await eventually('the start', () => failed.length === 1);
  } finally {
    engine.startContainer = startContainer;
  }
  await house.dynos.whenRouted();
  expect(listCrashes(house.db, app.id)).toEqual([]);
  expect(await house.logText(app)).not.toContain('crashed');
});

it('replaces a dyno that crashed while the database cannot be written', async () => {
  const app = house.createApp('unwritable');
  await house.settle(await house.deploy(app, { web: WEB }));
  const { sql } = house.db;
  // Of a container that is gone: every pass would forget it.
  beginEnding(house.db, { containerId: 'stale', appId: app.id, why: 'replaced' });
  sql.pragma('query_only = 1');
  try {
    const [before] = await house.engine.listContainers({ app: app.id });
    await house.engine.signalContainer(before?.id ?? '', 'SIGKILL');
    await eventually('another one', async () => {
      const [dyno] = house.dynos.formation(app);
      return dyno?.state === 'up' && dyno.containerId !== before?.id;
    });
    expect((await house.request(app)).status).toBe(200);
  } finally {
    sql.pragma('query_only = 0');
  }
  await eventually('it is forgotten', () => getEnding(house.db, 'stale') === undefined);
});

/** The dynos that are not being stopped, such as `v2 web up`. */
async function states(app: App): Promise<string> {
  const dynos = (await house.dynos.list(app)).filter(({ state }) => state !== 'down');
  return dynos
    .map(({ releaseVersion, type, state }) => `v${releaseVersion} ${type} ${state}`)
    .sort()
    .join(', ');
}

async function listens(app: App, release: string): Promise<boolean> {
  const all = await house.engine.listContainers({ app: app.id });
  const ip = all.find(({ labels }) => labels[LABEL.release] === release)?.ip;
  const answer = await fetch(`http://${ip}:5000/`).catch(() => undefined);
  return answer?.ok === true;
}

async function makeReady(app: App, type: string): Promise<void> {
  const id = await eventually(`the ${type} of v3`, async () => {
    const all = await house.engine.listContainers({ app: app.id });
    const found = all.find(({ labels }) => labels[LABEL.release] === '3' && labels[LABEL.type] === type);
    return found?.state === 'running' && found.id;
  });
  const options = { timeoutMs: 10_000, maxOutputBytes: 1000, signal: AbortSignal.timeout(20_000) };
  expect(await house.engine.runInContainer(id, ['touch', '/tmp/ready'], options)).toMatchObject({
    exitCode: 0,
  });
}

function scaleWeb(app: App, quantity: number): void {
  scale(house.db, { app, updates: [{ type: 'web', quantity }] });
}

async function isRunning(app: App, type: string, release: string): Promise<boolean> {
  const all = await house.engine.listContainers({ app: app.id });
  return all.some(
    ({ state, labels }) =>
      state === 'running' && labels[LABEL.type] === type && labels[LABEL.release] === release,
  );
}

async function containers(app: App): Promise<number> {
  return (await house.engine.listContainers({ app: app.id })).filter(({ state }) => state === 'running')
    .length;
}
