// Starts that wait for their turn to boot, and are not wanted any more when it comes.

import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import { destroyApp } from '../../src/platform/apps.js';
import { scale } from '../../src/platform/formation.js';
import { eventually, openHouse } from '../support/house.js';

// Works, and so keeps its turn, until the file is there.
const BUSY = 'while ! test -f /tmp/ready; do :; done; exec python3 -m http.server $PORT --bind 0.0.0.0';

it('leave the queue when a newer release, a scale down or a destroy makes them moot', async () => {
  await using house = await openHouse({ maxBoots: 1, bootTimeoutMs: 600_000, stopGraceMs: 1000 });
  const { db, engine, dynos } = house;
  const app = house.createApp('turns');
  const web = (quantity: number) => scale(db, { app, updates: [{ type: 'web', quantity }] });
  const containers = async () =>
    (await engine.listContainers()).filter(({ labels }) => labels[LABEL.app] === app.id);
  const started = async (dyno: string) =>
    (await house.logText(app)).split(`[${dyno}]: Starting process`).length - 1;

  await house.deploy(app, { web: BUSY });
  web(3);
  const first = await eventually('web.1 boots', async () =>
    (await containers()).find(({ state }) => state === 'running'),
  );
  await dynos.whenRouted();
  web(2);
  const next = await house.deploy(app, { web: BUSY });
  await dynos.whenRouted();
  execFileSync('docker', ['exec', first.id, 'touch', '/tmp/ready']);
  // Were the moot ones in the queue, they would have come before it.
  const second = await eventually('web.1 of the new release boots', async () =>
    (await containers()).find(({ labels }) => labels[LABEL.release] === String(next.version)),
  );
  await eventually('which is told', async () => (await started('web.1')) === 2);
  expect([await started('web.1'), await started('web.2'), await started('web.3')]).toEqual([2, 0, 0]);

  destroyApp(db, { app });
  await eventually('none of its containers', async () => (await containers()).length === 0, 60_000);
  expect(second.labels[LABEL.number]).toBe('1');
  const other = house.createApp('after');
  const release = await house.deploy(other, { web: 'exec python3 -m http.server $PORT --bind 0.0.0.0' });
  expect(await house.settle(release)).toBe('live');
});
