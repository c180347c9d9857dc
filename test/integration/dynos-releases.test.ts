// How a new release comes to run, with a real engine: the release command, and what happens meanwhile.

import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import type { App } from '../../src/platform/apps.js';
import { setBuildpacks } from '../../src/platform/buildpacks.js';
import { changeConfig } from '../../src/platform/config-vars.js';
import { stopDynos } from '../../src/platform/dyno-wishes.js';
import { scale } from '../../src/platform/formation.js';
import { createDeployRelease } from '../../src/platform/make-release.js';
import { currentRelease, getRelease, listReleases, type Release } from '../../src/platform/releases.js';
import { eventually, type House, openHouse, RUN_IMAGE } from '../support/house.js';

const WEB = 'exec python3 -m http.server $PORT --bind 0.0.0.0';

describe('a release that comes to run', () => {
  let house: House;
  const options = { releaseTimeoutMs: 600_000 };
  beforeAll(async () => {
    house = await openHouse(options);
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });

  const containersOf = async (app: App, role = 'dyno') =>
    (await house.engine.listContainers({ app: app.id })).filter(({ labels }) => labels[LABEL.role] === role);

  const getAt = (app: App, version: number) =>
    listReleases(house.db, app.id).find((release) => release.version === version);
  const outputOf = (release: Release) => getRelease(house.db, release.id)?.output;

  it('fails when its command runs longer than it may, and the next one runs', async () => {
    const app = house.createApp('overdue');
    options.releaseTimeoutMs = 3000;
    await house.restartLoop();
    // Without a child of its own that would keep the streams open it ends as easily.
    const bad = await house.deploy(app, { web: WEB, release: 'echo begun; sleep 1000 & sleep 1000' });
    expect(await house.settle(bad)).toBe('release-phase-failed');
    expect(outputOf(bad)).toBe('begun\nThe release command was killed: it ran longer than 3 seconds.\n');
    options.releaseTimeoutMs = 600_000;
    await house.restartLoop();
    expect(await house.settle(await house.deploy(app, { web: WEB, release: 'true' }))).toBe('live');
    await eventually(
      'no container of a command',
      async () => (await containersOf(app, 'release-phase')).length === 0,
    );
  });

  it('fails when its command goes past the limit in the time of another daemon', async () => {
    const app = house.createApp('adopted');
    const bad = await house.deploy(app, { web: WEB, release: 'echo begun; sleep 1000' });
    await eventually(
      'it runs',
      async () => (await containersOf(app, 'release-phase'))[0]?.state === 'running',
    );
    options.releaseTimeoutMs = 2000;
    await house.restartLoop();
    expect(await house.settle(bad)).toBe('release-phase-failed');
    expect(outputOf(bad)).toBe('begun\nThe release command was killed: it ran longer than 2 seconds.\n');
    options.releaseTimeoutMs = 600_000;
    await house.restartLoop();
  });

  it('fails with the reason when the engine cannot start its command', async () => {
    const app = house.createApp('userless');
    const env = { ...process.env, DOCKER_BUILDKIT: '0' };
    const input = `FROM ${RUN_IMAGE}\nLABEL paas.instance=${house.instance}\nUSER nosuch\n`;
    const image = execFileSync('docker', ['build', '-q', '-'], { env, input, encoding: 'utf8' }).trim();
    const of = { app, by: house.account, image, buildpacks: [], description: 'Deploy' };
    const bad = createDeployRelease(house.db, { ...of, processTypes: { web: WEB, release: 'true' } });
    expect(await house.settle(bad)).toBe('release-phase-failed');
    expect(outputOf(bad)).toMatch(/^The release command could not run: The image has no such user/);
    await eventually(
      'no container of a command',
      async () => (await containersOf(app, 'release-phase')).length === 0,
    );
    execFileSync('docker', ['image', 'rm', image], { stdio: 'ignore' });
  });

  it('is not live by a change that is made while its command runs, whatever becomes of it', async () => {
    const app = house.createApp('meanwhile');
    await house.settle(await house.deploy(app, { web: WEB }));
    const versionsSeen = new Set<number | undefined>();
    house.db.onChange(() => versionsSeen.add(currentRelease(house.db, app.id)?.version));
    const account = { app, by: house.account };
    const bad = await house.deploy(app, { web: WEB, release: 'sleep 3; exit 1' });
    setBuildpacks(house.db, { ...account, buildpacks: ['go'] });
    changeConfig(house.db, { ...account, updates: { A: '1' } });
    expect(await house.settle(bad)).toBe('release-phase-failed');
    const again = await eventually('its change of config vars', () => getAt(app, 6));
    expect(await house.settle(again)).toBe('live');
    expect([...versionsSeen]).toEqual([2, 6]);
    expect(again.processTypes).toEqual({ web: WEB });

    const good = await house.deploy(app, { web: WEB, release: 'sleep 3; echo for A=$A' });
    setBuildpacks(house.db, { ...account, buildpacks: [] });
    expect(currentRelease(house.db, app.id)?.version).toBe(6);
    expect(await house.settle(good)).toMatch(/live|superseded/);
    const settings = await eventually('the settings', () => getAt(app, 8));
    expect(await house.settle(settings)).toBe('live');
    expect(outputOf(settings)).toBe('for A=1\n');
  });

  it('is live without the dynos that were stopped meanwhile', async () => {
    const app = house.createApp('stopped');
    await house.settle(await house.deploy(app, { web: WEB, worker: 'exec sleep 1000' }));
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1 }] });
    // Its web dyno takes a while, so that the worker is stopped before it is replaced.
    const release = await house.deploy(app, { web: `sleep 2; ${WEB}`, worker: 'exec sleep 1000' });
    stopDynos(house.db, { app, type: 'worker' });
    expect(await house.settle(release)).toBe('live');
    const alone = await house.deploy(app, { web: `sleep 2; ${WEB}`, worker: 'exec sleep 1000' });
    stopDynos(house.db, { app, type: 'worker' });
    stopDynos(house.db, { app, type: 'web' });
    expect(await house.settle(alone)).toBe('nothing-to-run');
    const none = eventually('none runs', async () => (await containersOf(app)).length === 0);
    await none.catch(async (error: unknown) => {
      const left = (await containersOf(app)).map(({ name, state }) => `${name} ${state}`);
      throw new Error(`${error}\n${left.join('\n')}\n${await house.logText(app)}`);
    });
  });
});
