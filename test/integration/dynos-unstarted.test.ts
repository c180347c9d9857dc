// Containers that nobody will start, and those that the engine cannot remove: nobody waits for them.

import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import { EngineFailedError } from '../../src/engine/docker-errors.js';
import type { App } from '../../src/platform/apps.js';
import { eventually, type House, openHouse, RUN_IMAGE } from '../support/house.js';

const WEB = 'exec python3 -m http.server $PORT --bind 0.0.0.0';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(async () => {
  await house?.[Symbol.asyncDispose]();
});

it('removes, while the loop runs, what a lost answer of the engine left', async () => {
  const app = house.createApp('unstarted');
  // What an earlier daemon left is removed by the first pass.
  await house.dynos.whenRouted();
  const id = create(app, 'dyno');
  await eventually('the container is gone', async () => !(await isThere(id)));
});

it.each([
  ['fails', () => Promise.reject(new EngineFailedError('service_unavailable', 'busy'))],
  ['never ends', () => new Promise<void>(() => undefined)],
] as const)('goes on with all apps when the removal of one container %s', async (how, remove) => {
  const app = house.createApp(`stuck-${how.length}`);
  const ids = [create(app, 'dyno'), create(app, 'one-off')];
  const { removeContainer } = house.engine;
  const asked = new Set<string>();
  house.engine.removeContainer = (id) => {
    if (!ids.includes(id)) return removeContainer(id);
    asked.add(id);
    return remove();
  };
  try {
    await house.restartLoop();
    const other = house.createApp(`other-${how.length}`);
    expect(await house.settle(await house.deploy(other, { web: WEB }))).toBe('live');
    expect([...asked].sort()).toEqual([...ids].sort());
  } finally {
    house.engine.removeContainer = removeContainer;
    await Promise.all(ids.map(removeContainer));
    await house.restartLoop();
  }
});

it('fills the place of a dyno that crashed and cannot be removed', async () => {
  const app = house.createApp('crashed');
  expect(await house.settle(await house.deploy(app, { web: WEB }))).toBe('live');
  const [before] = await house.engine.listContainers({ app: app.id });
  const stuck = before?.id ?? '';
  const { removeContainer } = house.engine;
  house.engine.removeContainer = (id) =>
    id === stuck ? Promise.reject(new EngineFailedError('service_unavailable', 'busy')) : removeContainer(id);
  try {
    await house.engine.signalContainer(stuck, 'SIGKILL');
    await eventually('another one', () => {
      const [dyno] = house.dynos.formation(app);
      return dyno?.state === 'up' && dyno.containerId !== stuck;
    });
    await eventually('it answers', async () => (await house.request(app)).status === 200);
    expect((await house.logText(app)).match(/to crashed/g)).toHaveLength(1);
  } finally {
    house.engine.removeContainer = removeContainer;
  }
  await eventually('the old one is gone', async () => !(await isThere(stuck)));
});

it('never starts a one-off dyno that was killed before its start', async () => {
  const app = house.createApp('one-off');
  await house.deploy(app, { web: WEB });
  const { oneOffs } = house.dynos;
  const request = { app, command: 'sleep 600', env: {}, tty: false, attach: false };
  const oneOff = await oneOffs.create(request);
  await oneOffs.kill(app, oneOff.dyno.name);
  await expect(oneOff.start()).rejects.toMatchObject({ id: 'not_found' });
  expect(await oneOffs.list(app)).toEqual([]);
});

/** A container of the place `clock.1` that is never started. */
function create(app: App, role: string): string {
  const labels = {
    [LABEL.instance]: house.instance,
    [LABEL.role]: role,
    [LABEL.app]: app.id,
    [LABEL.release]: '2',
    [LABEL.type]: 'clock',
    [LABEL.number]: '1',
    [LABEL.memory]: String(512 * 1024 ** 2),
  };
  const args = Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
  return execFileSync('docker', ['create', ...args, RUN_IMAGE, 'true'], { encoding: 'utf8' }).trim();
}

async function isThere(id: string): Promise<boolean> {
  return (await house.engine.listContainers()).some((container) => container.id === id);
}
