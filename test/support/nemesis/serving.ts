// Whether paasd and an app serve.

import { eventually, requestAs } from '../house.js';
import type { World } from './world.js';

/** Waits for paasd: what a fault before has ended may still be coming back. */
export async function daemonServes({ paas }: World): Promise<void> {
  await eventually('paasd serves', async () => {
    if (paas.pid === undefined) return false;
    const response = await fetch(`${paas.url}/healthz`).catch(() => undefined);
    await response?.body?.cancel();
    return response?.ok;
  });
}

/** Whether one request to the app is answered with 200 now. */
export async function answers({ paas }: World, app: string): Promise<boolean> {
  return await requestAs(`${app}.localhost`, paas.httpPort, '/', paas.address).then(
    ({ status }) => status === 200,
    () => false,
  );
}
