// A dyno that is being stopped while the daemon starts again: what was begun goes on, and nothing of it begins anew.

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type App, updateApp } from '../../src/platform/apps.js';
import { listCrashes, restartDynos } from '../../src/platform/dyno-wishes.js';
import { scale } from '../../src/platform/formation.js';
import { eventually, type House, openHouse } from '../support/house.js';

const DRAIN_MS = 5000;

// `/` answers the container's name, `/hold` never ends.
const WEB = `exec python3 -c '
import http.server, os, signal, socket, sys, time
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        name = socket.gethostname().encode()
        self.send_response(200)
        if self.path == "/":
            self.send_header("content-length", str(len(name))); self.end_headers(); self.wfile.write(name)
            return
        self.send_header("connection", "close"); self.end_headers()
        while True:
            self.wfile.write(b"."); time.sleep(0.1)
    def log_message(self, *a): pass
signal.signal(signal.SIGTERM, lambda *a: os._exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()
'`;

// A second SIGTERM ends it at once, as it does many a worker that takes the first as "finish your job".
const WORKER = `exec python3 -c '
import signal, time
def end(*a):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print("finishing", flush=True); time.sleep(2.5); print("finished", flush=True); raise SystemExit(0)
signal.signal(signal.SIGTERM, end)
print("working", flush=True)
while True: time.sleep(1)
'`;

let house: House;
beforeAll(async () => {
  house = await openHouse({ stopGraceMs: 20_000 });
});
afterAll(async () => {
  await house?.[Symbol.asyncDispose]();
});

it('keeps the end of a drain over restarts of the daemon, and sends no request to it meanwhile', async () => {
  const app = updateApp(house.db, { app: house.createApp('drained'), drainTimeoutMs: DRAIN_MS });
  await house.settle(await house.deploy(app, { web: WEB }));
  const held = await hold(app);
  const old = (await house.request(app)).body;
  restartDynos(house.db, { app, type: 'web', number: 1 });
  await eventually('the new one answers', async () => (await house.request(app)).body !== old);
  const beganAt = performance.now();
  const asking = ask(app);
  for (const afterMs of [1000, 2000, 3000, 4000]) {
    await eventually('its time', () => performance.now() - beganAt > afterMs);
    expect(held.endedAt(), `still held after ${afterMs} ms`).toBeUndefined();
    await house.restartLoop();
  }
  const endedAt = await eventually('the end of the drain', held.endedAt);
  const { answered, failed } = await asking.stop();
  expect(endedAt - beganAt).toBeGreaterThan(DRAIN_MS * 0.9);
  expect(endedAt - beganAt).toBeLessThan(DRAIN_MS + 2500);
  expect(failed).toEqual([]);
  expect(answered).not.toContain(old);
  expect(answered.length).toBeGreaterThan(20);
});

it('sends SIGTERM once, though the daemon starts again while the process ends', async () => {
  const app = await startWorker('finishing');
  restartDynos(house.db, { app, type: 'worker', number: 1 });
  await logged(app, /app\[worker\.1\]: finishing/);
  await house.restartLoop();
  const text = await logged(app, /Process exited with status/);
  expect(text).toContain('app[worker.1]: finished');
  expect(text).toContain('heroku[worker.1]: Process exited with status 0');
  expect(text.match(/Stopping all processes with SIGTERM/g)).toHaveLength(1);
  expect(text).not.toContain('R12');
});

it('counts no crash when the process that it was stopping ended while no daemon ran', async () => {
  const app = await startWorker('unseen');
  restartDynos(house.db, { app, type: 'worker', number: 1 });
  await logged(app, /app\[worker\.1\]: finishing/);
  await house.restartLoop(async () => {
    await eventually('its end', async () =>
      (await house.engine.listContainers({ app: app.id })).some(({ state }) => state === 'exited'),
    );
  });
  const text = await logged(app, /Process exited with status 0/);
  await eventually('the next one', async () =>
    (await house.dynos.list(app)).some(({ name, state }) => name === 'worker.1' && state === 'up'),
  );
  expect(listCrashes(house.db, app.id)).toEqual([]);
  expect(text).not.toContain('crashed');
});

async function startWorker(name: string): Promise<App> {
  const app = house.createApp(name);
  await house.settle(await house.deploy(app, { web: WEB, worker: WORKER }));
  scale(house.db, {
    app,
    updates: [
      { type: 'web', quantity: 0 },
      { type: 'worker', quantity: 1 },
    ],
  });
  await logged(app, /app\[worker\.1\]: working/);
  return app;
}

async function logged(app: App, pattern: RegExp): Promise<string> {
  return await eventually(`${pattern} in the log`, async () => {
    const lines = (await house.logText(app)).split('\n').filter((line) => line.includes('[worker.1]'));
    const text = lines.join('\n');
    return pattern.test(text) && text;
  });
}

/** Opens a request that only the end of its dyno ends. */
async function hold(app: App): Promise<{ endedAt(): number | undefined }> {
  const got = request({
    host: '127.0.0.1',
    port: house.httpPort,
    path: '/hold',
    agent: false,
    headers: { host: `${app.name}.localhost` },
  });
  got.end();
  const [response] = (await once(got, 'response')) as [IncomingMessage];
  let endedAt: number | undefined;
  const end = () => {
    endedAt ??= performance.now();
  };
  response.on('data', () => undefined);
  response.once('end', end).once('error', end).once('close', end);
  return { endedAt: () => endedAt };
}

/** Asks again and again which container answers, until it is stopped. */
function ask(app: App): { stop(): Promise<{ answered: string[]; failed: string[] }> } {
  let isStopped = false;
  const answered: string[] = [];
  const failed: string[] = [];
  const asking = (async () => {
    while (!isStopped) {
      const { status, body } = await house
        .request(app)
        .catch((error: unknown) => ({ status: 0, body: String(error) }));
      if (status === 200) answered.push(body);
      else failed.push(`${status} ${body}`);
      await sleep(20);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await asking;
      return { answered, failed };
    },
  };
}
