// A bad push to the running product: what the pusher reads, what runs afterwards, what is told of it.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { type Paas, startPaas } from '../support/paas.js';

let paas: Paas;
beforeAll(async () => {
  paas = await startPaas();
});
afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
});

it('tells the pusher of a release that crashes, and goes back', async () => {
  await paas.owner.cli(['create', 'example', '--no-remote']);
  const repository = await paas.owner.repository('example', { fixture: 'steady' });
  const first = await repository.push();
  expect(first.code, first.all).toBe(0);
  await repository.commit({ Procfile: 'web: echo broken; exit 1\n' });
  const second = await repository.push();
  expect(second.code, second.all).not.toBe(0);
  expect(second.stderr).toContain('remote:  !     v3 did not come up: web.1');
  expect(second.stderr).toContain('remote:  !     The release before it goes on, as v4 (automatic rollback)');
  await paas.answers('example', 'word=');
  const releases = await paas.owner.cli(['releases', '-a', 'example']);
  expect(releases.stdout).toContain('=== example Releases - Current: v4');
  expect(releases.stdout).toContain('Automatic rollback to v2: web.1 crashed twice (exit status 1)');
  const states = async () => (await paas.owner.cli(['ps', '-a', 'example', '-x'])).stdout;
  await eventually('web.1 is up', async () => /web\.1: up .* v4/.test(await states()), 60_000);
  const log = await paas.owner.cli(['logs', '-n', '200', '-s', 'heroku', '-p', 'api', '-a', 'example']);
  expect(log.stdout).toContain('heroku[api]: Automatic rollback of v3 to v2: web.1 crashed twice');
  // The branch did not move: the same push is built again.
  expect((await repository.push()).stderr).toContain('Released v5');
});
