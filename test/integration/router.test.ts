import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { appWith, get, serverAt, startBackend, startRouter } from '../support/router-fixture.js';

describe('routing', () => {
  test('sends each host to its own app, and knows no other', async () => {
    await using router = await startRouter();
    await using a = await startBackend();
    await using b = await startBackend();
    await router.router.apply(router.state([appWith('a.test', [a.server]), appWith('b.test', [b.server])]));
    expect((await get(router.port, 'a.test')).body).toBe(a.server.ip);
    expect((await get(router.port, 'B.Test.:8080')).body).toBe(b.server.ip);
    for (const host of ['c.test', '127.0.0.1', '[::1]', '[::1]:80', 'localhost']) {
      const reply = await get(router.port, host);
      expect(reply.status, host).toBe(404);
      expect(reply.body).toContain('nothing here');
      expect(JSON.stringify(reply.headers)).not.toMatch(/haproxy|version/i);
    }
  });

  test('answers each mode with its page and code', async () => {
    await using router = await startRouter();
    expect((await get(router.port, 'a.test')).body).toContain('platform is starting');
    const pages = {
      blank: 'new app',
      'no-web-dynos': 'Application error',
      crashed: 'Application error',
      maintenance: 'maintenance',
    } as const;
    for (const [mode, text] of Object.entries(pages)) {
      await router.router.apply(router.state([appWith('a.test', [], mode as keyof typeof pages)]));
      const reply = await get(router.port, 'a.test');
      expect(reply.status).toBe(503);
      expect(reply.body).toContain(text);
      const head = await get(router.port, 'a.test', { method: 'HEAD' });
      expect([head.status, head.body]).toEqual([503, '']);
    }
  });

  test('lets a request wait for a booting dyno', async () => {
    await using router = await startRouter();
    await using a = await startBackend();
    const app = { ...appWith('a.test', [], 'live'), id: randomUUID() };
    await router.router.apply(router.state([app]));
    const reply = get(router.port, 'a.test');
    await router.router.apply(router.state([{ ...app, servers: [a.server] }]));
    expect((await reply).body).toBe(a.server.ip);
  });

  test('answers a refused connection with 503', async () => {
    await using router = await startRouter();
    await router.router.apply(router.state([appWith('a.test', [serverAt('127.3.4.5')])]));
    const reply = await get(router.port, 'a.test');
    expect(reply.status).toBe(503);
    expect(reply.body).toContain('Application error');
  });
});
