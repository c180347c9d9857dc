import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/platform/apps.js';
import { changeConfig } from '../../src/platform/config-vars.js';
import { changeDynoSettings } from '../../src/platform/dyno-settings.js';
import { scale } from '../../src/platform/formation.js';
import { listIncidents } from '../../src/platform/incidents.js';
import { createDeployRelease } from '../../src/platform/make-release.js';
import { getWatch } from '../../src/platform/release-watches.js';
import {
  currentRelease,
  getRelease,
  getReleaseConfig,
  listReleases,
  type Release,
} from '../../src/platform/releases.js';
import { type House, openHouse, RUN_IMAGE, eventually as within } from '../support/house.js';

// Answers with its release; 500 to every second request when the config var FAILS is set; ends when MAYHEM is set.
const WEB = `test -z "$MAYHEM" || exit 1; exec python3 -c '
import http.server, itertools, os, signal, sys
asked = itertools.count(1)
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = os.environ["HEROKU_RELEASE_VERSION"].encode()
        bad = "FAILS" in os.environ and next(asked) % 2 == 1
        self.send_response(500 if bad else 200)
        self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()
'`;

const eventually = <Result>(
  what: string,
  check: () => Promise<Result | undefined | false> | Result | undefined | false,
) => within(what, check, 60_000);

describe('automatic rollback', () => {
  let house: House;
  const options = { coolOffMs: 600_000, bootTimeoutMs: 60_000, rollbackWindowMs: 120_000 };
  beforeAll(async () => {
    house = await openHouse(options);
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });

  /** What the options say holds from the start of a loop on. */
  const restartWith = (changed: Partial<typeof options>) => {
    Object.assign(options, changed);
    return house.restartLoop();
  };
  const configure = (app: App, updates: Record<string, string>): Release => {
    const release = changeConfig(house.db, { app, by: house.account, updates });
    if (release === undefined) throw new Error('no release');
    return release;
  };
  const current = (app: App) => currentRelease(house.db, app.id);
  const newest = (app: App, what: string, isIt: (release: Release) => boolean) =>
    eventually(what, () => {
      const release = current(app);
      return release !== undefined && isIt(release) && release;
    });
  const live = (app: App, version: number) =>
    eventually(`v${version} live`, () => {
      const release = current(app);
      return release?.version === version && getWatch(house.db, release.id)?.liveAt !== undefined;
    });
  async function outcomeOf(release: Release): Promise<unknown> {
    const following = house.dynos.rollout(release, AbortSignal.timeout(90_000));
    for (;;) {
      const step = await following.next();
      if (step.done) return step.value;
    }
  }

  it('goes back from a release that crashes, once, tells the pusher, and a new release resets the waits', async () => {
    const app = house.createApp('crashing');
    await house.settle(await house.deploy(app, { web: WEB }));
    const bad = await house.deploy(app, { web: 'exit 1' });
    expect(await outcomeOf(bad)).toEqual({
      kind: 'unhealthy',
      reason: expect.stringMatching(/web\.1/),
      undoneBy: 4,
    });
    expect(getRelease(house.db, bad.id)?.undoneBy).toBe(4);
    expect(current(app)).toMatchObject({
      version: 4,
      description: 'Automatic rollback to v2: web.1 crashed twice (exit status 1)',
      accountEmail: 'dev@example.com',
    });
    await live(app, 4);
    await eventually('its answer', async () => (await house.request(app)).body === 'v4');
    expect((await house.dynos.list(app)).map(({ state }) => state)).toEqual(['up']);
    expect(listIncidents(house.db, app.id)[0]).toMatchObject({
      kind: 'rolled-back',
      releaseVersion: 3,
      evidence: { from: 3, to: 2, as: 4 },
    });
    const log = await eventually('the line', async () => {
      const text = await house.logText(app);
      return text.includes('heroku[api]') && text;
    });
    expect(log).toContain(
      'heroku[api]: Automatic rollback of v3 to v2: web.1 crashed twice (exit status 1). Release v4 created',
    );
    // The next bad one goes back to the newest that ran, which is a rollback itself.
    configure(app, { MAYHEM: '1' });
    await newest(app, 'the second rollback', ({ version }) => version === 6);
    expect(current(app)?.description).toMatch(/^Automatic rollback to v4: /);
  });

  it('goes back without running the release command of its target again', async () => {
    const app = house.createApp('migrated');
    // Would fail in the rollback.
    const command = 'test "$HEROKU_RELEASE_VERSION" != v4';
    await house.settle(await house.deploy(app, { web: WEB, release: command }));
    const bad = await house.deploy(app, { web: 'exit 1', release: command });
    expect(await outcomeOf(bad)).toMatchObject({ kind: 'unhealthy', undoneBy: 4 });
    expect(current(app)).toMatchObject({ version: 4, output: undefined });
    await live(app, 4);
  });

  it('does not go back from a rollback, nor without a release that ran', async () => {
    const app = house.createApp('hopeless');
    const first = await house.deploy(app, { web: 'exit 1' });
    expect(await outcomeOf(first)).toMatchObject({ kind: 'unhealthy', undoneBy: undefined });
    const log = await eventually('the line', async () => {
      const text = await house.logText(app);
      return text.includes('heroku[api]') && text;
    });
    expect(log).toContain(
      'heroku[api]: v2 is not rolled back, for there is no earlier release that ran: web.1 crashed twice (exit status 1)',
    );
    expect(log.split('is not rolled back')).toHaveLength(2);
    expect(listReleases(house.db, app.id)).toHaveLength(2);
    expect(getWatch(house.db, first.id)?.outcome).toBe('no-target');
  });

  it('makes no loop when the target crashes as well', async () => {
    const app = house.createApp('circle');
    // Works in release 2 only.
    const web = `test "$HEROKU_RELEASE_VERSION" = v2 || exit 1; ${WEB}`;
    await house.settle(await house.deploy(app, { web }));
    configure(app, { X: '1' });
    await newest(app, 'the rollback', ({ version }) => version === 4);
    await eventually('its crashes', async () => {
      const [dyno] = await house.dynos.list(app);
      return dyno?.nextTryAt !== undefined && dyno.nextTryAt > Date.now() + 500_000;
    });
    expect(listReleases(house.db, app.id).map(({ version }) => version)).toEqual([4, 3, 2, 1]);
    // The dyno of the release that worked serves all the time.
    expect((await house.request(app)).body).toBe('v2');
  });

  it('goes back from a release whose workers end at their memory limit', async () => {
    const app = house.createApp('eater');
    const processTypes = (worker: string) => ({ web: WEB, worker });
    await house.settle(await house.deploy(app, processTypes('exec sleep 1000')));
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1, size: '64m' }] });
    await live(app, 2);
    await house.deploy(app, processTypes(`exec python3 -c 'x = bytearray(300 * 1024 * 1024)'`));
    const back = await newest(app, 'the rollback', ({ version }) => version === 4);
    expect(back.description).toBe('Automatic rollback to v2: worker.1 ran out of memory (limit 64M)');
  });

  it('goes back from a release that does not boot, across a restart of the daemon, unless it is off', async () => {
    const app = house.createApp('booting');
    await house.settle(await house.deploy(app, { web: WEB }));
    const quiet = house.createApp('quiet');
    await house.settle(await house.deploy(quiet, { web: WEB }));
    changeDynoSettings(house.db, { app: quiet, rollbackWindowMs: 0 });
    await house.deploy(app, { web: 'exec sleep 1000' });
    const off = await house.deploy(quiet, { web: 'exec sleep 1000' });
    await eventually('both boot', async () => {
      const all = [...(await house.dynos.list(app)), ...(await house.dynos.list(quiet))];
      return all.every((dyno) => dyno.state !== 'crashed') && (await containers(app)) === 2;
    });
    // Only here is it short: a busy machine takes seconds for a good one, too.
    await restartWith({ bootTimeoutMs: 3000 });
    const back = await newest(app, 'the rollback', ({ version }) => version === 4);
    expect(back.description).toBe('Automatic rollback to v2: web.1 did not boot in time');
    expect(await outcomeOf(off)).toMatchObject({ kind: 'unhealthy', undoneBy: undefined });
    expect(getWatch(house.db, off.id)?.outcome).toBe('off');
    expect(current(quiet)?.version).toBe(3);
    await restartWith({ bootTimeoutMs: 60_000 });
  });

  it('goes back from a release that answers 5xx more often than the one before', async () => {
    const app = house.createApp('failing');
    await house.settle(await house.deploy(app, { web: WEB }));
    const send = async (count: number) => {
      for (let n = 0; n < count; n++) await house.request(app);
    };
    await send(60);
    await live(app, 2);
    const worse = configure(app, { FAILS: 'yes' });
    await live(app, 3);
    const back = await eventually('the rollback', async () => {
      await send(10);
      const release = current(app);
      return release?.version === 4 && release;
    });
    expect(back.description).toMatch(
      /^Automatic rollback to v2: \d+ of \d+ requests failed with 5xx \((49|50|51)(\.\d)? %, 0 % before\)$/,
    );
    await live(app, 4);
    expect(getWatch(house.db, worse.id)).toMatchObject({ outcome: 'rolled-back' });
    await eventually('good answers', async () => (await house.request(app)).body === 'v4');
  });

  /** A release of an image of its own, whose image is removed once it has run. */
  async function runAndLose(app: App): Promise<Release> {
    const env = { ...process.env, DOCKER_BUILDKIT: '0' };
    const input = `FROM ${RUN_IMAGE}\nLABEL paas.instance=${house.instance} paas.test=${app.name}\n`;
    const image = execFileSync('docker', ['build', '-q', '-'], { env, input, encoding: 'utf8' }).trim();
    const of = { app, by: house.account, image, processTypes: { web: WEB }, buildpacks: [] };
    const release = createDeployRelease(house.db, { ...of, description: 'Deploy of what is lost' });
    await live(app, release.version);
    scale(house.db, { app, updates: [{ type: 'web', quantity: 0 }] });
    await eventually('it has stopped', async () => (await containers(app)) === 0);
    await eventually('its image is gone', () => {
      try {
        execFileSync('docker', ['image', 'rm', image], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    });
    return release;
  }
  const breakIt = async (app: App) => {
    await house.deploy(app, { web: 'exit 1' });
    scale(house.db, { app, updates: [{ type: 'web', quantity: 1 }] });
  };

  it('goes back to the newest release whose image is there, or says that there is none', async () => {
    const app = house.createApp('lossy');
    await house.settle(await house.deploy(app, { web: WEB }));
    await live(app, 2);
    const lost = await runAndLose(app);
    await breakIt(app);
    const back = await newest(app, 'the rollback', ({ version }) => version === 5);
    expect(back.description).toBe('Automatic rollback to v2: web.1 crashed twice (exit status 1)');
    await live(app, 5);
    const status = (release: Release) =>
      listReleases(house.db, app.id).find(({ id }) => id === release.id)?.status;
    expect(status(lost)).toBe('expired');

    const bare = house.createApp('bare');
    await runAndLose(bare);
    await breakIt(bare);
    const given = await eventually('it gives up', () =>
      listIncidents(house.db, bare.id).find(({ kind }) => kind === 'not-rolled-back'),
    );
    expect(given.message).toBe(
      'v3 is not rolled back, for the image of v2 is gone from the server: web.1 crashed twice (exit status 1)',
    );
    expect(current(bare)?.version).toBe(3);
  });

  it('waits for no engine in a pass: one that does not tell of an image holds up no other app', async () => {
    const app = house.createApp('patient');
    const other = house.createApp('other');
    // By its name, unlike the images of all others.
    const of = { app, by: house.account, image: RUN_IMAGE, processTypes: { web: WEB }, buildpacks: [] };
    await house.settle(createDeployRelease(house.db, { ...of, description: 'Deploy' }));
    await house.settle(await house.deploy(other, { web: WEB, worker: 'exec sleep 1000' }));
    const bad = await house.deploy(app, { web: 'exit 1' });
    const { inspectImage } = house.engine;
    const asked: (() => void)[] = [];
    house.engine.inspectImage = async (image) => {
      if (image === RUN_IMAGE && asked.length < 2) await new Promise<void>((resolve) => asked.push(resolve));
      return await inspectImage(image);
    };
    try {
      const outcome = outcomeOf(bad);
      outcome.catch(() => undefined);
      await eventually('it asks for an image', () => asked.length > 0);
      scale(house.db, { app: other, updates: [{ type: 'worker', quantity: 1 }] });
      await eventually('the worker', () =>
        house.dynos.formation(other).some(({ type, state }) => type === 'worker' && state === 'up'),
      );
      expect(asked).toHaveLength(1);
      expect(current(app)?.version).toBe(3);
      house.engine.inspectImage = inspectImage;
      asked[0]?.();
      // Whoever waits is told what came of it.
      expect(await outcome).toMatchObject({ kind: 'unhealthy', undoneBy: 4 });
    } finally {
      house.engine.inspectImage = inspectImage;
    }
    await live(app, 4);
  });

  it('sets config vars again that were changed while the code that it undoes was on its way', async () => {
    const app = house.createApp('configured');
    await house.settle(await house.deploy(app, { web: WEB }));
    await live(app, 2);
    await house.deploy(app, { web: 'exit 1', release: 'sleep 1' });
    const configured = configure(app, { KEPT: 'yes' });
    expect(configured.version).toBe(4);
    const release = await newest(app, 'config vars on the old code', ({ version }) => version === 6);
    expect(release.description).toBe('Set KEPT config vars');
    expect(getReleaseConfig(house.db, release.id)).toMatchObject({ KEPT: 'yes' });
    await live(app, 6);
    await eventually('its answer', async () => (await house.request(app)).body === 'v6');
    expect(listReleases(house.db, app.id).map(({ description }) => description)).toEqual([
      'Set KEPT config vars',
      expect.stringMatching(/^Automatic rollback to v2: /),
      'Set KEPT config vars',
      'Deploy',
      'Deploy',
      'Initial release',
    ]);
    expect(
      getReleaseConfig(house.db, listReleases(house.db, app.id)[1]?.id ?? release.id),
    ).not.toHaveProperty('KEPT');
    expect(await house.logText(app)).toMatch(/Release v5 created, and v6: Set KEPT config vars/);
  });

  it('lets a good release pass when its window is over', async () => {
    const app = house.createApp('good');
    changeDynoSettings(house.db, { app, rollbackWindowMs: 500 });
    const release = await house.deploy(app, { web: WEB });
    await eventually('passed', () => getWatch(house.db, release.id)?.outcome === 'passed');
  });

  async function containers(app: App): Promise<number> {
    const all = await house.engine.listContainers();
    return all.filter(({ labels, state }) => labels['paas.app'] === app.id && state === 'running').length;
  }
});
