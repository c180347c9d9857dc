import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/platform/apps.js';
import { getAutoscales, setAutoscale } from '../../src/platform/autoscale.js';
import { setAutosleep } from '../../src/platform/autosleep.js';
import { getFormation } from '../../src/platform/formation.js';
import { listIncidents } from '../../src/platform/incidents.js';
import { eventually, type House, openHouse } from '../support/house.js';

// Production's times, each a tenth or less.
const TIMES = { sampleMs: 500, upMs: 2000, downMs: 6000, memoryMs: 120_000 };

const WEB = `exec python3 -c '
import http.server, os, signal, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *a): pass
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()
'`;
const BUSY = `exec python3 -c '
while True: pass
'`;

describe('autoscale', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse({ scalingTimes: TIMES });
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });

  const quantity = (app: App, type = 'web') =>
    getFormation(house.db, app.id).find((entry) => entry.type === type)?.quantity ?? 0;
  const decisions = (app: App) =>
    listIncidents(house.db, app.id)
      .filter(({ kind }) => kind === 'scaled')
      .map(({ message }) => message)
      .reverse();
  const steps = (app: App) => decisions(app).map((text) => /from (\d+ to \d+)/.exec(text)?.[1]);

  it('follows a step of load from 1 to 3 and back, losing no request', { timeout: 180_000 }, async () => {
    const app = house.createApp('stepped');
    await house.settle(await house.deploy(app, { web: WEB }));
    setAutoscale(house.db, { app, type: 'web', min: 1, max: 3, metric: 'rps', target: 15 });
    const load = startLoad(house, app, 60);
    await eventually('three dynos', () => quantity(app) === 3, 60_000);
    await eventually('all are up', async () =>
      (await house.dynos.list(app)).every(({ state }) => state === 'up'),
    );
    // Longer than a calm: a load that goes on changes nothing.
    const until = performance.now() + TIMES.downMs * 1.5;
    await eventually('it went on', () => performance.now() > until);
    expect(steps(app)).toEqual(['1 to 2', '2 to 3']);
    await house.restartLoop();
    const again = performance.now() + TIMES.downMs * 1.5;
    await eventually('it went on after a restart', () => performance.now() > again);
    expect(steps(app)).toEqual(['1 to 2', '2 to 3']);
    const { sent, failed } = await load.stop();
    // Most of a calm, and then a restart: it begins anew.
    const calmAt = performance.now() + TIMES.downMs * 0.6;
    await eventually('it is calm', () => performance.now() > calmAt);
    expect(quantity(app)).toBe(3);
    await house.restartLoop();
    const restartedAt = performance.now();
    await eventually('the first one goes', () => quantity(app) < 3, 60_000);
    expect(performance.now() - restartedAt).toBeGreaterThan(TIMES.downMs * 0.85);
    await eventually('one dyno', () => quantity(app) === 1, 60_000);
    expect(steps(app)).toEqual(['1 to 2', '2 to 3', '3 to 2', '2 to 1']);
    expect(decisions(app)[0]).toMatch(
      /^Scaled web from 1 to 2: \d+ req\/s a dyno over 15 req\/s for 2s \(\d+ req\/s\)$/,
    );
    await eventually('the log', async () =>
      (await house.logText(app)).includes('heroku[autoscale]: Scaled web from 2 to 1: '),
    );
    expect(failed).toEqual([]);
    expect(sent).toBeGreaterThan(500);
  });

  it('reads what the kernel counts of a worker that computes', { timeout: 120_000 }, async () => {
    const app = house.createApp('computing');
    await house.settle(await house.deploy(app, { web: WEB, worker: BUSY }));
    // What it gets of a core is for the machine to say.
    setAutoscale(house.db, { app, type: 'worker', min: 1, max: 2, metric: 'cpu', target: 5 });
    await eventually('two workers', () => quantity(app, 'worker') === 2, 60_000);
    expect(decisions(app)[0]).toBe('Scaled worker from 0 to 1: the minimum is 1');
    expect(decisions(app)[1]).toMatch(/^Scaled worker from 1 to 2: cpu \d+% over 5% for 2s/);
    expect(quantity(app)).toBe(1);
  });

  it('lets an app sleep that has both, and leaves it at what it was', { timeout: 120_000 }, async () => {
    const app = house.createApp('both');
    await house.settle(await house.deploy(app, { web: WEB }));
    setAutoscale(house.db, { app, type: 'web', min: 2, max: 3, metric: 'p95', target: 500 });
    await eventually('the minimum', () => quantity(app) === 2);
    expect(decisions(app)).toEqual(['Scaled web from 1 to 2: the minimum is 2']);
    setAutosleep(house.db, { app, afterMs: 1000 });
    const areIdle = async () =>
      String((await house.dynos.list(app)).map(({ state }) => state)) === 'idle,idle';
    await eventually('it sleeps', areIdle);
    expect((await house.request(app)).status).toBe(200);
    await eventually('it sleeps again', areIdle);
    expect(decisions(app)).toHaveLength(1);
    expect(getAutoscales(house.db, app.id).size).toBe(1);
  });
});

/** So many requests a second, whatever the answers take, until `stop`. */
function startLoad(house: House, app: App, perSecond: number) {
  const failed: string[] = [];
  const open = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    for (; sent < ((performance.now() - startedAt) / 1000) * perSecond; sent += 1) {
      const request = house.request(app).then(
        ({ status }) => void (status === 200 || failed.push(String(status))),
        (error: unknown) => void failed.push(String(error)),
      );
      open.add(request);
      request.finally(() => open.delete(request)).catch(() => undefined);
    }
  }, 10);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return { sent, failed };
    },
  };
}
