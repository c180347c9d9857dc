// A container that was made for a dyno and that nobody will start: what a lost answer of the engine leaves.

import { execFileSync } from 'node:child_process';
import { it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import { eventually, openHouse, RUN_IMAGE } from '../support/house.js';

it('is removed while the loop runs', async () => {
  await using house = await openHouse();
  const app = house.createApp('unstarted');
  // What an earlier daemon left is removed by the first pass.
  await house.dynos.whenRouted();
  const labels = {
    [LABEL.instance]: house.instance,
    [LABEL.role]: 'dyno',
    [LABEL.app]: app.id,
    [LABEL.release]: '2',
    [LABEL.type]: 'clock',
    [LABEL.number]: '1',
    [LABEL.memory]: String(512 * 1024 ** 2),
  };
  const args = Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
  const id = execFileSync('docker', ['create', ...args, RUN_IMAGE, 'true'], { encoding: 'utf8' }).trim();
  const isThere = async () => (await house.engine.listContainers()).some((container) => container.id === id);
  await eventually('the container is gone', async () => !(await isThere()));
});
