// The other side of deploy, rollback and scale: containers that are started by hand with `docker run`.

import { untilAnswers } from './http.mjs';
import { docker, freePort } from './programs.mjs';

/** `docker run` with a published port, until it answers 200 with `text`; gives its id. */
export async function dockerRunUntilAnswers(paas, image, { text = '', port, command = [] }) {
  const id = await docker([
    ...['run', '-d', ...paas.label, '-e', 'PORT=5000', '-p', `127.0.0.1:${port}:5000`],
    image,
    ...command,
  ]);
  await untilAnswers({ port }, text);
  return id;
}

export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

export async function removeContainers(ids) {
  if (ids.length > 0) await docker(['rm', '--force', '--volumes', ...ids]);
}
