import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/house.js';
import { appWith, get, type RouterFixture, startBackend, startRouter } from '../support/router-fixture.js';

const asleep = () => ({ ...appWith('a.test', [], 'asleep'), id: randomUUID() });

/** Collects the ids of wakes until disposed. */
async function listen(router: RouterFixture) {
  const wakes: string[] = [];
  const life = new AbortController();
  const ended = router.router.listenForWakes((appId) => wakes.push(appId), life.signal);
  const path = join(router.dir, 'wake.sock');
  await eventually('the wake socket', () => existsSync(path));
  return {
    wakes,
    path,
    async [Symbol.asyncDispose]() {
      life.abort();
      await ended;
    },
  };
}

/** What comes within a second. */
const briefly = <T>(work: Promise<T>) =>
  Promise.race([work, new Promise<undefined>((resolve) => setTimeout(resolve, 1000, undefined))]);

test('requests to a sleeping app wake it once and wait', async () => {
  await using router = await startRouter();
  await using a = await startBackend();
  await using listener = await listen(router);
  const app = asleep();
  await router.router.apply(router.state([app]));
  const startedAt = performance.now();
  const replies = Array.from({ length: 20 }, () => get(router.port, 'a.test'));
  await eventually('a wake', () => listener.wakes.length > 0);
  await router.router.apply(router.state([{ ...app, mode: 'booting' }]));
  expect(new Set(listener.wakes)).toEqual(new Set([app.id]));
  // One of them asks, and again each second.
  expect(listener.wakes.length).toBeLessThanOrEqual(1 + (performance.now() - startedAt) / 1000);
  await router.router.apply(router.state([{ ...app, mode: 'live', servers: [a.server] }]));
  for (const reply of await Promise.all(replies))
    expect([reply.status, reply.body]).toEqual([200, a.server.ip]);
});

test('a wake is repeated until the daemon is back, also over a reload', async () => {
  await using router = await startRouter();
  await using a = await startBackend();
  const app = asleep();
  await router.router.apply(router.state([app]));
  const reply = get(router.port, 'a.test');
  // Another app's backend makes HAProxy reload: the request is now in a worker that learns of nothing.
  const other = { ...appWith('b.test', [a.server]), id: randomUUID() };
  await router.router.apply(router.state([app, other]));
  await using listener = await listen(router);
  await eventually('a wake', () => listener.wakes.includes(app.id));
  await router.router.apply(router.state([{ ...app, mode: 'live', servers: [a.server] }, other]));
  expect((await reply).body).toBe(a.server.ip);
});

test('clients that give up leave no place in the queue taken', async () => {
  await using router = await startRouter();
  await using a = await startBackend();
  await using _listener = await listen(router);
  const app = asleep();
  await router.router.apply(router.state([app]));
  const clients = Array.from({ length: 250 }, () => connect({ host: '127.0.0.1', port: router.port }));
  for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await eventually(
    'more than may wait',
    async () => (await briefly(get(router.port, 'a.test')))?.status === 503,
  );
  for (const [index, client] of clients.entries()) {
    client.on('error', () => undefined);
    if (index % 2 === 0) client.destroy();
    else client.resetAndDestroy();
  }
  await eventually('room', async () => (await briefly(get(router.port, 'a.test'))) === undefined);
  const reply = get(router.port, 'a.test');
  await router.router.apply(router.state([{ ...app, mode: 'live', servers: [a.server] }]));
  expect((await reply).body).toBe(a.server.ip);
});

test('what is no app id is not told', async () => {
  await using router = await startRouter();
  await using listener = await listen(router);
  for (const text of ['../etc\n', `${'a'.repeat(500)}\n`, '', 'app-1\n']) {
    const client = connect(listener.path);
    client.on('error', () => undefined);
    client.end(text);
  }
  await eventually('the one good id', () => listener.wakes.length > 0);
  expect(listener.wakes).toEqual(['app-1']);
});
