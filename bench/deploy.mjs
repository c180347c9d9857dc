// A warm deploy of a one-line change (git push, until the new text answers over the router) next to `docker build` with
// warm layers, `docker run`, and waiting until that answers. Needs the network for the first build of each side.
// Usage: node bench/deploy.mjs [--rounds N] [--quick]

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { list, median, parameters, printRatio, seconds, timed } from './support/figures.mjs';
import { untilAnswers } from './support/http.mjs';
import { api, buildImage, withPaas } from './support/paas.mjs';
import { dockerRunUntilAnswers, freePorts, removeContainers } from './support/peer.mjs';
import { docker, run } from './support/programs.mjs';
import { phases } from './support/push-phases.mjs';

const { rounds } = parameters({ rounds: 7 }, { rounds: 2 });
const FIXTURE = resolve(import.meta.dirname, '../test/fixtures/apps/node-express');
const CA_PATH = '/etc/bench-ca.crt';

await withPaas(async (paas) => {
  const source = join(paas.dataDir, 'source');
  cpSync(FIXTURE, source, { recursive: true });
  const git = (...args) => run('git', args, { cwd: source, env: paas.userEnv });
  await git('init', '-q', '-b', 'main');
  await git('remote', 'add', 'paas', `${paas.url}/deploy.git`);
  await api(paas, 'POST', '/apps', { name: 'deploy' });
  await buildBase(paas, source);

  const ours = [];
  const peer = [];
  const pushPhases = [];
  for (let round = 0; round <= rounds; round += 1) {
    const text = `change ${round}`;
    edit(source, text);
    await git('add', '-A');
    await git('commit', '-q', '-m', text);
    const before = performance.now();
    const steps = await phases('git', ['push', 'paas', 'main'], { cwd: source, env: paas.userEnv });
    await untilAnswers(paas.target('deploy'), text);
    const took = performance.now() - before;
    let peerId;
    const byHandTook = await timed(async () => {
      peerId = await byHand(paas, { source, text });
    });
    await removeContainers([peerId]);
    // The first round is cold: downloads, and layers that are kept from then on.
    if (round === 0) {
      console.log(`cold: push ${seconds(took)}, by hand ${seconds(byHandTook)}`);
      continue;
    }
    ours.push(took);
    pushPhases.push(steps);
    peer.push(byHandTook);
  }
  console.log(`git push, until it answers: ${list(ours, seconds)}`);
  console.log(`docker build + docker run, until it answers: ${list(peer, seconds)}`);
  console.log('where the last push spends its time, each line with the time until the next one:');
  for (const { line, ms } of pushPhases.at(-1))
    console.log(`  ${String(Math.round(ms)).padStart(5)} ms  ${line}`);
  printRatio('deploy', median(ours) / median(peer), '<=1.5');
});

/** The one-line change. */
function edit(source, text) {
  const path = join(source, 'server.js');
  const program = readFileSync(join(FIXTURE, 'server.js'), 'utf8');
  writeFileSync(path, program.replace('Hello from Express', text));
}

/** The build image, with the extra certificate authorities that npm needs here, if any. */
async function buildBase(paas, source) {
  const lines = ['USER root', 'WORKDIR /app', 'ENV HOME=/tmp'];
  if (paas.caBundle) {
    cpSync(paas.caBundle, join(paas.dataDir, 'ca.crt'), { dereference: true });
    lines.push(`COPY ca.crt ${CA_PATH}`, `ENV NODE_EXTRA_CA_CERTS=${CA_PATH}`);
  }
  writeFileSync(
    join(source, 'Dockerfile.byhand'),
    [
      `FROM ${paas.instance}-base:latest`,
      'COPY package.json package-lock.json ./',
      'RUN npm ci',
      'COPY . .',
      // As the buildpack does it: the image has no dev packages.
      'RUN npm run build && npm prune --omit=dev',
      'CMD ["node", "server.js"]',
      '',
    ].join('\n'),
  );
  writeFileSync(join(source, '.dockerignore'), '.git\nnode_modules\n');
  writeFileSync(join(source, '.slugignore'), 'Dockerfile.byhand\n');
  await buildImage(paas, 'base', lines, { base: 'paas-stack-build:13', context: paas.dataDir });
}

async function byHand(paas, { source, text }) {
  const tag = `${paas.instance}-byhand:latest`;
  await docker(['build', '-q', '-t', tag, ...paas.label, '-f', 'Dockerfile.byhand', '.'], {
    cwd: source,
    // BuildKit needs a plug-in that is not everywhere; the classic builder is what a plain install has.
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
  const [port] = await freePorts(1);
  return await dockerRunUntilAnswers(paas, tag, { text, port });
}
