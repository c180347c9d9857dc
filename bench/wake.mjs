// The first request to a sleeping app, which waits until a dyno is up, next to `docker run` of the same image until it
// answers: what is more is the platform's. Usage: node bench/wake.mjs [--rounds N] [--quick]

import { list, median, parameters, printRatio, timed } from './support/figures.mjs';
import { get } from './support/http.mjs';
import { answeringImage, api, createImageApp, withPaas } from './support/paas.mjs';
import { dockerRunUntilAnswers, freePorts, removeContainers } from './support/peer.mjs';
import { docker, until } from './support/programs.mjs';

const { rounds } = parameters({ rounds: 11 }, { rounds: 3 });
const ms = (value) => `${Math.round(value)} ms`;

await withPaas(async (paas) => {
  const image = await answeringImage(paas, 'drowsy', 'awake');
  await createImageApp(paas, 'drowsy', image);
  await api(paas, 'PATCH', '/apps/drowsy/formation/web/autosleep', { after_seconds: 1 });

  const ours = [];
  const peer = [];
  for (let round = 0; round < rounds; round += 1) {
    await asleep(paas);
    ours.push(
      await timed(async () => {
        // One request, once: it may wait, not fail.
        const { status, body } = await get(paas.target('drowsy'));
        if (status !== 200 || body !== 'awake') throw new Error(`the first request got ${status} ${body}`);
      }),
    );
    await asleep(paas);
    const [port] = await freePorts(1);
    let id;
    peer.push(
      await timed(async () => {
        id = await dockerRunUntilAnswers(paas, image, { text: 'awake', port });
      }),
    );
    await removeContainers([id]);
  }
  console.log(`wake, one request: ${list(ours, ms)}`);
  console.log(`docker run, until it answers: ${list(peer, ms)}`);
  printRatio('wake', median(ours) / median(peer), '<=1.5');
  printRatio('wake-overhead-ms', Math.max(median(ours) - median(peer), 0), '<=300');
});

/** Until the app sleeps and its container is gone: it must not take time from the other side. */
async function asleep(paas) {
  const filter = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  await until(
    'the app sleeps',
    async () => {
      const dynos = await api(paas, 'GET', '/apps/drowsy/dynos');
      return dynos[0]?.state === 'idle' && (await docker(['ps', '-aq', ...filter])) === '';
    },
    { everyMs: 100 },
  );
}
