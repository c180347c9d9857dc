import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { findHaproxy, isHaproxy } from '../../src/router/haproxy-process.js';
import { askReload, showProcesses, withWorker } from '../../src/router/runtime-api.js';
import { MASTER_SOCKET } from '../../src/router/settings.js';
import { eventually } from '../support/house.js';
import { patience } from '../support/patience.js';
import { appWith, get, serverAt, startBackend, startRouter } from '../support/router-fixture.js';

const WAIT = { timeout: 30_000 };
const workerOf = (socket: string) =>
  showProcesses(socket).then(
    ({ worker }) => worker,
    () => undefined,
  );

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

describe('servers that go', () => {
  test('an app that is taken away and comes back reaches its new server only', async () => {
    await using router = await startRouter();
    await using first = await startBackend();
    await using second = await startBackend();
    const app = appWith('a.test', [first.server]);
    const other = appWith('b.test', [first.server]);
    await router.router.apply(router.state([app]));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    expect((await get(router.port, 'a.test', { agent })).body).toBe(first.server.ip);
    await router.router.apply(router.state([other]));
    expect((await get(router.port, 'a.test', { agent })).status).toBe(404);
    await router.router.apply(router.state([{ ...app, servers: [second.server] }, other]));
    for (let i = 0; i < 20; i += 1) {
      expect((await get(router.port, 'a.test', i % 2 === 0 ? { agent } : {})).body).toBe(second.server.ip);
    }
    agent.destroy();
  });

  test('a server that is taken away with a request on it ends that request and is deleted', async () => {
    await using router = await startRouter();
    await using a = await startBackend('web.1', (request, response) => {
      if (request.url !== '/hang') response.end('ok');
    });
    const app = appWith('a.test', [a.server]);
    await router.router.apply(router.state([app]));
    const hanging = get(router.port, 'a.test', { path: '/hang' }).then(
      (reply) => reply.status,
      () => 'ended',
    );
    await expect.poll(() => router.router.sessions(app.id, a.server.name), WAIT).toBe(1);
    await router.router.apply(router.state([{ ...app, servers: [{ ...a.server, state: 'draining' }] }]));
    expect(await router.router.sessions(app.id, a.server.name)).toBe(1);
    await router.router.apply(router.state([{ ...app, servers: [] }]));
    expect([503, 'ended']).toContain(await hanging);
    await expect
      .poll(async () => {
        const { worker } = await showProcesses(join(router.dir, 'master.sock'));
        return withWorker(join(router.dir, 'master.sock'), worker ?? 0, (ask) => ask('show servers state'));
      }, WAIT)
      .not.toContain(a.server.name);
  });

  test('a storm of reloads leaves no old worker behind', async () => {
    await using router = await startRouter();
    const apps = Array.from({ length: 15 }, (_, i) => appWith(`app-${i}.test`, [], 'blank'));
    for (let i = 1; i <= apps.length; i += 1) await router.router.apply(router.state(apps.slice(0, i)));
    await expect
      .poll(async () => (await showProcesses(join(router.dir, 'master.sock'))).oldWorkers, WAIT)
      .toEqual([]);
    expect((await get(router.port, 'app-14.test')).status).toBe(503);
  });
});

describe('the life of HAProxy', () => {
  test('is not taken for dead while somebody else reloads it', async () => {
    await using router = await startRouter();
    const socket = join(router.dir, 'master.sock');
    const { master } = await showProcesses(socket);
    const looks = { gone: 0, count: 0 };
    const isOver = new AbortController();
    const watching = (async () => {
      for (; !isOver.signal.aborted; looks.count += 1) {
        if (!(await isHaproxy(master, join(router.dir, 'haproxy.cfg')))) looks.gone += 1;
        await setImmediate();
      }
    })();
    for (let i = 0; i < 30; i += 1) {
      const before = (await eventually('a worker', () => workerOf(socket))) ?? 0;
      await askReload(socket);
      await eventually('the next worker', async () => {
        const worker = await workerOf(socket);
        return worker !== undefined && worker !== before;
      });
    }
    isOver.abort();
    await watching;
    expect(looks.count).toBeGreaterThan(1000);
    expect(looks.gone).toBe(0);
    expect((await showProcesses(socket)).master).toBe(master);
  });

  test('is adopted by the next daemon, with all that it routes', async () => {
    await using router = await startRouter();
    await using a = await startBackend();
    const state = router.state([appWith('a.test', [a.server])]);
    await router.router.apply(state);
    const before = await findHaproxy(join(router.dir, 'haproxy.cfg'));
    const next = await router.restartDaemon();
    expect((await get(router.port, 'a.test')).body).toBe(a.server.ip);
    await next.apply(state);
    expect((await get(router.port, 'a.test')).body).toBe(a.server.ip);
    expect(await findHaproxy(join(router.dir, 'haproxy.cfg'))).toEqual(before);
  });

  test('a worker that lost its master is replaced by the next daemon', async () => {
    await using router = await startRouter();
    await using a = await startBackend();
    const state = router.state([appWith('a.test', [a.server])]);
    await router.router.apply(state);
    const { master } = await showProcesses(join(router.dir, 'master.sock'));
    router.stopDaemon();
    process.kill(master, 'SIGKILL');
    await expect.poll(() => isHaproxy(master, join(router.dir, 'haproxy.cfg')), WAIT).toBe(false);
    const next = await router.restartDaemon();
    // Before the first apply, which may take long while the engine is away.
    expect((await get(router.port, 'a.test')).body).toBe(a.server.ip);
    await next.apply(state);
    expect((await get(router.port, 'a.test')).body).toBe(a.server.ip);
    await expect.poll(() => findHaproxy(join(router.dir, 'haproxy.cfg')), WAIT).toHaveLength(2);
  });

  test.each(['master', 'worker'])('is back within two seconds when its %s is killed', async (which) => {
    await using router = await startRouter();
    await using a = await startBackend();
    await router.router.apply(router.state([appWith('a.test', [a.server])]));
    const { master, worker } = await showProcesses(join(router.dir, 'master.sock'));
    process.kill(which === 'master' ? master : (worker ?? 0), 'SIGKILL');
    const killedAt = performance.now();
    await expect
      .poll(
        async () => {
          const processes = await showProcesses(join(router.dir, 'master.sock')).catch(() => undefined);
          if (processes === undefined || processes.master === master) return undefined;
          return (await get(router.port, 'a.test').catch(() => undefined))?.body;
        },
        { timeout: 30_000, interval: 20 },
      )
      .toBe(a.server.ip);
    expect(performance.now() - killedAt).toBeLessThan(patience(2000));
    expect(await findHaproxy(join(router.dir, 'haproxy.cfg'))).toHaveLength(2);
  });

  test('goes on after a reload of a file that somebody spoilt', async () => {
    await using fixture = await startRouter();
    await using first = await startBackend();
    await fixture.router.apply(fixture.state([appWith('one.test', [first.server])]));
    await writeFile(join(fixture.dir, 'haproxy.cfg'), 'spoilt {{{\n');
    await askReload(join(fixture.dir, MASTER_SOCKET));
    await using second = await startBackend();
    await fixture.router.apply(
      fixture.state([appWith('one.test', [first.server]), appWith('two.test', [second.server])]),
    );
    expect((await get(fixture.port, 'one.test')).status).toBe(200);
    expect((await get(fixture.port, 'two.test')).body).toBe(second.server.ip);
  });

  test('never sees an invalid configuration, nor a value with a command in it', async () => {
    await using router = await startRouter();
    await using a = await startBackend();
    const good = appWith('a.test', [a.server]);
    await router.router.apply(router.state([good]));
    const config = await readFile(join(router.dir, 'haproxy.cfg'), 'utf8');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy would expand it.
    for (const host of ['ex;show version', 'a\nbackend x', '${HOME}', '%[src]', 'a.test#', 'a.test\n']) {
      await expect(router.router.apply(router.state([good, appWith(host, [])]))).rejects.toThrow(TypeError);
    }
    // Refused by HAProxy itself.
    const next = await router.restartDaemon({ runAs: { user: 'no-such-user', group: 'no-such-group' } });
    await expect(next.apply(router.state([good, appWith('b.test', [])]))).rejects.toThrow(/refuses/);
    expect(await readFile(join(router.dir, 'haproxy.cfg'), 'utf8')).toBe(config);
    expect((await get(router.port, 'a.test')).body).toBe(a.server.ip);
  });

  test('gets sixty apps quickly, and one more deploy of each without a reload', async () => {
    await using router = await startRouter();
    const apps = Array.from({ length: 60 }, (_, i) =>
      appWith(`app-${i}.test`, [serverAt(`127.9.0.${i + 1}`), serverAt(`127.9.1.${i + 1}`, 'web.2')]),
    );
    await router.router.apply(router.state(apps));
    const { worker } = await showProcesses(join(router.dir, 'master.sock'));
    const deployed = apps.map((app, i) => ({ ...app, servers: [serverAt(`127.9.2.${i + 1}`)] }));
    const startedAt = performance.now();
    await router.router.apply(router.state(deployed));
    const tookMs = performance.now() - startedAt;
    console.log(`60 deploys at once applied in ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(patience(1000));
    expect((await showProcesses(join(router.dir, 'master.sock'))).worker).toBe(worker);
  });
});
