import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { RoutedApp, RoutedServer } from '../../src/router/router-state.js';
import { appWith, get, serverAt, startRouter } from '../support/router-fixture.js';

/** A dyno that knows whose it is: a request for another app is the failure that must never be. */
class Dyno {
  readonly #server: http.Server;
  readonly routed: RoutedServer;
  #inFlight = 0;
  isStopped = false;

  readonly ip: string;

  constructor(ip: string, host: string) {
    this.ip = ip;
    this.routed = serverAt(ip);
    this.#server = http.createServer((request, response) => {
      this.#inFlight += 1;
      const delayMs = Math.random() < 0.1 ? 150 : 5;
      setTimeout(() => {
        this.#inFlight -= 1;
        if (this.isStopped) response.statusCode = 599;
        response.end(request.headers.host === host ? 'right' : `wrong app: ${request.headers.host}`);
      }, delayMs);
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(5000, this.ip, resolve));
    return this;
  }

  async stop(): Promise<number> {
    const lost = this.#inFlight;
    this.isStopped = true;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    return lost;
  }
}

test('loses no request in fifty deploys with reloads among them, and never serves the wrong app', async () => {
  await using router = await startRouter({ runAs: { user: 'haproxy', group: 'haproxy' } });
  const freeIps = Array.from({ length: 6 }, (_, i) => `127.18.7.${i + 1}`);
  const nextIp = () => freeIps.shift() ?? 'none free';
  const hosts = ['a.test', 'b.test'];
  const live = new Map<string, { app: RoutedApp; dyno: Dyno }>();
  for (const host of hosts) {
    const dyno = await new Dyno(nextIp(), host).start();
    live.set(host, { app: appWith(host, [dyno.routed]), dyno });
  }
  const extra: RoutedApp[] = [];
  const apply = () =>
    router.router.apply(router.state([...[...live.values()].map((each) => each.app), ...extra]));
  await apply();

  const clients = new AbortController();
  const failures: string[] = [];
  let requests = 0;
  const ask = async (host: string, agent: http.Agent | undefined, pauseMs: number) => {
    while (!clients.signal.aborted) {
      requests += 1;
      try {
        const reply = await get(router.port, host, agent === undefined ? {} : { agent });
        if (reply.status !== 200 || reply.body !== 'right')
          failures.push(`${reply.status} ${reply.body.slice(0, 60)}`);
      } catch (error) {
        failures.push(String(error));
      }
      await pause(pauseMs * (0.5 + Math.random()));
    }
  };
  const running = hosts.flatMap((host) => [
    ...Array.from({ length: 8 }, () => ask(host, new http.Agent({ keepAlive: true, maxSockets: 1 }), 60)),
    ...Array.from({ length: 4 }, () => ask(host, new http.Agent({ keepAlive: true, maxSockets: 1 }), 1500)),
    ...Array.from({ length: 6 }, () => ask(host, undefined, 60)),
  ]);

  const startedAt = performance.now();
  let slowestApplyMs = 0;
  const timedApply = async () => {
    const from = performance.now();
    await apply();
    slowestApplyMs = Math.max(slowestApplyMs, performance.now() - from);
  };
  for (let round = 0; round < 50; round += 1) {
    const host = hosts[round % hosts.length] ?? 'a.test';
    const { app, dyno: old } = live.get(host) ?? expect.unreachable();
    const fresh = await new Dyno(nextIp(), host).start();
    const added = [old.routed, fresh.routed];
    live.set(host, { app: { ...app, servers: added }, dyno: fresh });
    await timedApply();
    live.set(host, {
      app: { ...app, servers: [{ ...old.routed, state: 'draining' }, fresh.routed] },
      dyno: fresh,
    });
    // Every third round has a reload in it: while draining, or while adding.
    if (round % 3 === 0) extra.push(appWith(`extra-${round}.test`, [], 'no-web-dynos'));
    await timedApply();
    await expect
      .poll(() => router.router.sessions(app.id, old.routed.name), { timeout: 30_000, interval: 20 })
      .toBe(0);
    live.set(host, { app: { ...app, servers: [fresh.routed] }, dyno: fresh });
    await timedApply();
    const lost = await old.stop();
    if (lost > 0) failures.push(`${lost} requests on a stopped dyno`);
    freeIps.push(old.ip);
  }
  clients.abort();
  await Promise.all(running);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${requests} requests, ${Math.round(requests / seconds)} a second, ${failures.length} failed; ` +
      `slowest apply ${Math.round(slowestApplyMs)} ms`,
  );
  for (const { dyno } of live.values()) await dyno.stop();
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(1000);
});
