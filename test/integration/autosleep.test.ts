import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/platform/apps.js';
import { getApp, updateApp } from '../../src/platform/apps.js';
import { getAutosleep, removeAutosleep, setAutosleep } from '../../src/platform/autosleep.js';
import { getFormation, scale } from '../../src/platform/formation.js';
import { listIncidents } from '../../src/platform/incidents.js';
import { eventually, type House, openHouse } from '../support/house.js';

const AFTER_MS = 1500;

// Answers, or holds an upgraded connection until its client leaves.
const WEB = `exec python3 -c '
import http.server, os, signal, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.headers.get("upgrade"):
            self.send_response(101); self.send_header("upgrade", "tunnel"); self.send_header("connection", "upgrade"); self.end_headers()
            while self.rfile.read(1): pass
            self.close_connection = True
            return
        body = ("hello " + os.environ["HEROKU_RELEASE_VERSION"]).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()
'`;

describe('autosleep', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse();
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });

  const states = async (app: App) =>
    (await house.dynos.list(app)).map(({ name, state }) => `${name} ${state}`);
  const asleep = (app: App) =>
    eventually('the app sleeps', async () => {
      const isIdle = (await states(app)).every((state) => !state.startsWith('web') || state.endsWith('idle'));
      const running = (await house.engine.listContainers()).filter(
        ({ name, state }) => name.startsWith(`paas-${app.name}-web`) && state === 'running',
      );
      return isIdle && running.length === 0;
    });
  const count = async (app: App, text: string) => (await house.logText(app)).split(text).length - 1;

  async function sleepingApp(name: string): Promise<App> {
    const app = house.createApp(name);
    await house.settle(await house.deploy(app, { web: WEB }));
    setAutosleep(house.db, { app, afterMs: AFTER_MS });
    await asleep(app);
    return app;
  }

  it('stops an idle app, and twenty requests at once start it once and all get their answer', async () => {
    const app = await sleepingApp('drowsy');
    expect(await states(app)).toEqual(['web.1 idle']);
    expect(getFormation(house.db, app.id)).toMatchObject([{ type: 'web', quantity: 1 }]);
    await eventually('the log', async () => (await count(app, 'State changed from up to down')) === 1);
    const replies = await Promise.all(Array.from({ length: 20 }, () => house.request(app)));
    expect(new Set(replies.map(({ status, body }) => `${status} ${body}`))).toEqual(
      new Set(['200 hello v2']),
    );
    await eventually('the log', async () => (await count(app, 'from starting to up')) === 2);
    const log = await house.logText(app);
    expect(log).toMatch(
      /heroku\[web\.1\]: Idling\n[\s\S]*Process exited with status 0\n[\s\S]*Unidling\n[\s\S]*Starting process/,
    );
    await asleep(app);
    expect(await count(app, 'Starting process')).toBe(2);
    expect(await count(app, 'Unidling')).toBe(1);
    expect(listIncidents(house.db, app.id).map(({ kind }) => kind)).toEqual(['slept', 'woke', 'slept']);
  });

  it('stays awake while a WebSocket is open', async () => {
    const app = house.createApp('sockets');
    await house.settle(await house.deploy(app, { web: WEB }));
    const socket = await upgrade(app, house.httpPort);
    setAutosleep(house.db, { app, afterMs: AFTER_MS });
    const until = performance.now() + 3 * AFTER_MS;
    await eventually('it was looked at often', async () => {
      expect(await states(app)).toEqual(['web.1 up']);
      return performance.now() > until;
    });
    socket.destroy();
    await asleep(app);
  });

  it('sleeps on over a restart of the daemon, which loses no wake', async () => {
    const app = await sleepingApp('restarted');
    await house.restartLoop();
    await house.dynos.whenRouted();
    expect(await states(app)).toEqual(['web.1 idle']);
    const restarting = house.restartLoop();
    const reply = house.request(app);
    await restarting;
    expect((await reply).status).toBe(200);
  });

  it('is not woken in maintenance; a release, a scale and switching it off wake it', async () => {
    const app = await sleepingApp('moved');
    updateApp(house.db, { app, maintenance: true });
    await house.dynos.whenRouted();
    expect((await house.request(app)).status).toBe(503);
    expect(await states(app)).toEqual(['web.1 idle']);
    updateApp(house.db, { app: getApp(house.db, app.id) ?? app, maintenance: false });

    const release = await house.deploy(app, { web: WEB });
    expect(await house.settle(release)).toBe('live');
    await asleep(app);
    expect((await house.request(app)).body).toBe('hello v3');
    await asleep(app);

    scale(house.db, { app, updates: [{ type: 'web', quantity: 2 }] });
    expect(getAutosleep(house.db, app.id)?.asleepSince).toBeUndefined();
    await asleep(app);
    removeAutosleep(house.db, app);
    await eventually('both are up', async () => String(await states(app)) === 'web.1 up,web.2 up');
  });
});

/** An open tunnel, as a WebSocket is one; its handshake would need keys. */
async function upgrade(app: App, port: number): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      headers: { host: `${app.name}.localhost`, upgrade: 'tunnel', connection: 'upgrade' },
    });
    request.once('error', reject);
    request.once('response', ({ statusCode }) => reject(new Error(`answered ${statusCode}`)));
    request.once('upgrade', (_response, socket) => resolve(socket as Socket));
    request.end();
  });
}
