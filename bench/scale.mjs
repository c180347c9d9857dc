// ps:scale web=10, from none until the API says that ten are up, next to ten `docker run` at the same time until all ten
// answer. Usage: node bench/scale.mjs [--rounds N] [--dynos N] [--quick]

import { list, median, parameters, printRatio, seconds, timed } from './support/figures.mjs';
import { untilAnswers } from './support/http.mjs';
import { answeringImage, api, createImageApp, withPaas } from './support/paas.mjs';
import { dockerRunUntilAnswers, freePorts, removeContainers } from './support/peer.mjs';
import { docker, until } from './support/programs.mjs';

const { rounds, dynos } = parameters({ rounds: 7, dynos: 10 }, { rounds: 3, dynos: 10 });

// Each question takes its share of the cores from what is asked about.
const POLL = { everyMs: 25 };

await withPaas(async (paas) => {
  const image = await answeringImage(paas, 'scale', 'hello');
  await createImageApp(paas, 'scale', image);
  const ours = [];
  const peer = [];
  for (let round = 0; round < rounds; round += 1) {
    await scaleTo(paas, 0);
    await until('no dyno is left', async () => (await dynoContainers(paas)).length === 0, { everyMs: 100 });
    ours.push(
      await timed(async () => {
        await scaleTo(paas, dynos);
        await until(
          `${dynos} dynos are up`,
          async () => {
            const all = await api(paas, 'GET', '/apps/scale/dynos');
            return all.filter(({ state }) => state === 'up').length === dynos;
          },
          POLL,
        );
      }),
    );
    await untilAnswers(paas.target('scale'));
    await scaleTo(paas, 0);
    await until('no dyno is left', async () => (await dynoContainers(paas)).length === 0, { everyMs: 100 });
    const ports = await freePorts(dynos);
    let ids = [];
    peer.push(
      await timed(async () => {
        ids = await Promise.all(ports.map((port) => dockerRunUntilAnswers(paas, image, { port })));
      }),
    );
    await removeContainers(ids);
  }
  console.log(`ps:scale web=${dynos}, until all are up: ${list(ours, seconds)}`);
  console.log(`${dynos} docker run at once, until all answer: ${list(peer, seconds)}`);
  printRatio('scale', median(ours) / median(peer), '<=1.2');
});

async function scaleTo(paas, quantity) {
  await api(paas, 'PATCH', '/apps/scale/formation', { updates: [{ type: 'web', quantity }] });
}

async function dynoContainers(paas) {
  const filter = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  return (await docker(['ps', '-aq', ...filter])).split('\n').filter(Boolean);
}
