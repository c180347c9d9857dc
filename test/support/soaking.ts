// What a platform does all day, for a soak: releases of ready images, live tails that are cut, calls of the API.

import { request } from 'node:http';
import type { Paas } from './paas.js';
import type { PrivateEngine } from './private-engine.js';
import { importTinyImage } from './tiny-image.js';

/** What comes with each release: the proportions of the fault matrix, 500 releases to 5,000 tails to 10,000 calls. */
export const ROUND = { tails: 10, calls: 20 } as const;

export interface Soaking extends AsyncDisposable {
  /** Releases of the app `index`, counted from 0, that its router has shown; then tails and calls beside the next one. */
  round(index: number): Promise<void>;
  /** Done so far. */
  readonly done: { releases: number; tails: number; calls: number };
}

/** Makes so many apps; disposing destroys them. */
export async function openSoaking(paas: Paas, engine: PrivateEngine, apps: number): Promise<Soaking> {
  const images = [await makeImage(paas, engine, 'even'), await makeImage(paas, engine, 'odd')];
  const names = Array.from({ length: apps }, (_, index) => `soak-${index}`);
  for (const name of names) await call(paas, 'POST', '/apps', { name });
  const rounds = names.map(() => 0);
  const done = { releases: 0, tails: 0, calls: 0 };
  return {
    done,
    async round(index) {
      const [app, round] = [names[index] ?? '', rounds[index] ?? 0];
      rounds[index] = round + 1;
      const image = images[round % 2] ?? '';
      const releasing = release(paas, { app, image, page: round % 2 === 0 ? 'even' : 'odd' });
      // The first tail finds an app without a log.
      if (round > 0) await Promise.all(Array.from({ length: ROUND.tails }, () => cutTail(paas, app)));
      for (let count = 0; count < ROUND.calls; count += 1) await call(paas, ...READS(app, count));
      await releasing;
      done.releases += 1;
      done.tails += round > 0 ? ROUND.tails : 0;
      done.calls += ROUND.calls;
    },
    async [Symbol.asyncDispose]() {
      for (const name of names) await paas.owner.api('DELETE', `/apps/${name}`);
    },
  };
}

const READS = (app: string, count: number): [method: string, path: string] => {
  const paths = ['', '/dynos', '/releases', '/formation', '/config-vars', '/builds', '/domains'];
  return ['GET', count % 8 === 7 ? '/apps' : `/apps/${app}${paths[count % 8]}`];
};

/** A new release of an image that is there; ends when visitors see its page. */
async function release(paas: Paas, what: { app: string; image: string; page: string }): Promise<void> {
  await call(paas, 'POST', `/apps/${what.app}/builds`, { image: what.image });
  await paas.answers(what.app, what.page);
}

async function call(paas: Paas, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await paas.owner.api(method, path, body);
  if (answer.status >= 300)
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Opens a live tail of its own and cuts it after its first bytes. */
async function cutTail(paas: Paas, app: string): Promise<void> {
  const session = await call(paas, 'POST', `/apps/${app}/log-sessions`, { tail: true, lines: 5 });
  const { logplex_url: address } = session as { logplex_url: string };
  await new Promise<void>((resolve, reject) => {
    const get = request(new URL(address, paas.url), { agent: false });
    get.once('response', (response) => {
      response.once('error', () => undefined);
      response.once('data', () => {
        get.destroy();
        resolve();
      });
    });
    get.once('error', reject);
    get.end();
  });
}

async function makeImage(paas: Paas, engine: PrivateEngine, page: string): Promise<string> {
  const tag = await importTinyImage({
    instance: paas.instance,
    name: page,
    files: { 'app/index.html': { text: `${page}\n` } },
    command: ['sh', '-c', 'exec httpd -f -p $PORT -h /app'],
    socketPath: engine.socketPath,
  });
  // The platform refuses names that are like its own.
  const reference = `soak/${page}:test`;
  await engine.docker(['tag', tag, reference]);
  return reference;
}
