// A rollback (POST releases, until the old version answers over the router) next to `docker run` of the same image and
// command until it answers. Usage: node bench/rollback.mjs [--rounds N] [--quick]

import { list, median, parameters, printRatio, seconds, timed } from './support/figures.mjs';
import { untilAnswers } from './support/http.mjs';
import { answeringImage, api, createImageApp, releaseImage, withPaas } from './support/paas.mjs';
import { dockerRunUntilAnswers, freePorts, removeContainers } from './support/peer.mjs';
import { docker, until } from './support/programs.mjs';

const { rounds } = parameters({ rounds: 9 }, { rounds: 3 });

await withPaas(async (paas) => {
  const images = [await answeringImage(paas, 'a', 'version A'), await answeringImage(paas, 'b', 'version B')];
  await createImageApp(paas, 'rollback', images[0]);
  await releaseImage(paas, 'rollback', images[1]);
  const releases = await api(paas, 'GET', '/apps/rollback/releases');
  const [a, b] = releases.filter(({ description }) => description.startsWith('Deploy')).slice(-2);
  await untilAnswers(paas.target('rollback'), 'version B');

  const ours = [];
  const peer = [];
  for (let round = 0; round < rounds; round += 1) {
    await settled(paas);
    // Back and forth: each is a rollback to the release before.
    const [to, text, image] = round % 2 === 0 ? [a, 'version A', images[0]] : [b, 'version B', images[1]];
    ours.push(
      await timed(async () => {
        await api(paas, 'POST', '/apps/rollback/releases', { release: to.id });
        await untilAnswers(paas.target('rollback'), text);
      }),
    );
    await settled(paas);
    const [port] = await freePorts(1);
    let id;
    peer.push(
      await timed(async () => {
        id = await dockerRunUntilAnswers(paas, image, { text, port });
      }),
    );
    await removeContainers([id]);
  }
  console.log(`rollback, until it answers: ${list(ours, seconds)}`);
  console.log(`docker run, until it answers: ${list(peer, seconds)}`);
  printRatio('rollback', median(ours) / median(peer), '<=1.3');
});

/** Until the dyno of the release before is gone: it must not take time from the other side. */
async function settled(paas) {
  const filter = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  await until(
    'one dyno is left',
    async () => (await docker(['ps', '-aq', ...filter])).split('\n').length === 1,
    {
      everyMs: 100,
    },
  );
}
