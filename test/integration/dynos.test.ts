import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import { destroyApp, getApp, updateApp } from '../../src/platform/apps.js';
import { changeConfig } from '../../src/platform/config-vars.js';
import { restartDynos, stopDynos } from '../../src/platform/dyno-wishes.js';
import { scale } from '../../src/platform/formation.js';
import { rollback } from '../../src/platform/make-release.js';
import { currentRelease, getReleaseConfig } from '../../src/platform/releases.js';
import { eventually, type House, openHouse } from '../support/house.js';

// Answers with its config var GREETING and its dyno name; ends cleanly on SIGTERM.
const WEB = `exec python3 -c '
import http.server, os, signal, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (os.environ.get("GREETING", "hello") + " from " + os.environ["DYNO"] + " " + os.environ["HEROKU_RELEASE_VERSION"]).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
print("listening", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()
'`;

describe('dynos', () => {
  let house: House;
  const options = { bootTimeoutMs: 60_000, coolOffMs: 600_000 };
  beforeAll(async () => {
    house = await openHouse(options);
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });
  /** What the options say holds from the start of a loop on. */
  const restartWith = (changed: Partial<typeof options>) => {
    Object.assign(options, changed);
    return house.restartLoop();
  };

  it('starts web=1 and no other type at the first deploy, routes to it and logs its life', async () => {
    const app = house.createApp('first');
    await eventually('the page of a new app', async () => (await house.request(app)).status === 503);
    const release = await house.deploy(app, { web: WEB, worker: 'sleep 1000' });
    expect(await house.settle(release)).toBe('live');
    expect(await house.request(app)).toEqual({ status: 200, body: 'hello from web.1 v2' });
    expect((await house.dynos.list(app)).map(({ name, state }) => `${name} ${state}`)).toEqual(['web.1 up']);
    const text = await eventually('the log', async () => {
      const log = await house.logText(app);
      return log.includes('app[web.1]: listening') && log.includes('heroku[router]: at=info') && log;
    });
    expect(text).toContain('heroku[web.1]: Starting process with command `exec python3');
    expect(text).toContain('heroku[web.1]: State changed from starting to up');
    expect(text).toMatch(/heroku\[router\]: at=info method=GET path="\/" .*dyno=web\.1 .*status=200/);
  });

  it('scales up and down', async () => {
    const app = house.createApp('scaled');
    const release = await house.deploy(app, { web: WEB, worker: 'sleep 1000' });
    await house.settle(release);
    scale(house.db, {
      app,
      updates: [
        { type: 'web', quantity: 3 },
        { type: 'worker', quantity: '+1' },
      ],
    });
    const up = async (names: string[]) =>
      eventually(`dynos ${names}`, async () => {
        const dynos = await house.dynos.list(app);
        return (
          dynos.every(({ state }) => state === 'up') && dynos.map(({ name }) => name).join() === names.join()
        );
      });
    await up(['web.1', 'web.2', 'web.3', 'worker.1']);
    await house.dynos.whenRouted();
    const seen = new Set<string>();
    for (let n = 0; n < 12; n++) seen.add((await house.request(app)).body);
    expect(seen.size).toBe(3);
    scale(house.db, {
      app,
      updates: [
        { type: 'web', quantity: 1 },
        { type: 'worker', quantity: 0 },
      ],
    });
    await up(['web.1']);
    await eventually('two containers stopped', async () => (await containersOf(app.id)).length === 1);
  });

  it('replaces dynos on a config change and on rollback, config included', async () => {
    const app = house.createApp('configured');
    await house.settle(await house.deploy(app, { web: WEB }));
    const changed = changeConfig(house.db, { app, by: house.account, updates: { GREETING: 'moin' } });
    if (changed === undefined) throw new Error('no release');
    expect(await house.settle(changed)).toBe('live');
    await eventually('the new answer', async () => (await house.request(app)).body === 'moin from web.1 v3');
    const back = rollback(house.db, { app, by: house.account });
    expect(back).toMatchObject({ version: 4, description: 'Rollback to v2' });
    expect(getReleaseConfig(house.db, back.id)).toEqual({});
    expect(await house.settle(back)).toBe('live');
    await eventually('the old answer', async () => (await house.request(app)).body === 'hello from web.1 v4');
  });

  it('keeps the release that runs when the next one does not boot, and says what listened where', async () => {
    const app = house.createApp('careful');
    await house.settle(await house.deploy(app, { web: WEB }));
    await restartWith({ bootTimeoutMs: 3000 });
    const bad = await house.deploy(app, { web: 'exec python3 -m http.server 3000 --bind 127.0.0.1' });
    expect(await house.settle(bad)).toBe('unhealthy');
    // Only here is it short: a busy machine takes seconds for a good one, too.
    await restartWith({ bootTimeoutMs: 60_000 });
    expect((await house.request(app)).body).toBe('hello from web.1 v2');
    const text = await house.logText(app);
    expect(text).toContain(
      'Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 3 seconds of launch',
    );
    expect(text).toContain('it listened on 127.0.0.1:3000 instead of 0.0.0.0:$PORT (5000)');
  });

  it('starts a crashed dyno again at once, and then waits', async () => {
    const app = house.createApp('crasher');
    const release = await house.deploy(app, { web: 'echo bye; exit 3' });
    expect(await house.settle(release)).toBe('unhealthy');
    expect((await house.dynos.list(app)).map(({ state }) => state)).toEqual(['crashed']);
    await eventually('page H10', async () => (await house.request(app)).status === 503);
    const text = await eventually('two ends', async () => {
      const log = await house.logText(app);
      return log.split('app[web.1]: bye').length === 3 && log;
    });
    expect(text.split('heroku[web.1]: Process exited with status 3')).toHaveLength(3);
    expect(text).toContain('heroku[web.1]: State changed from starting to crashed');
    await eventually('its container is gone', async () => (await containersOf(app.id)).length === 0);
  });

  it('runs the release phase before any traffic; a failed one leaves the old release running', async () => {
    const app = house.createApp('phased');
    const good = await house.deploy(app, { web: WEB, release: 'echo migrating $DYNO' });
    expect(good.status).toBe('pending');
    expect(await house.settle(good)).toBe('live');
    expect(currentRelease(house.db, app.id)?.output).toMatch(/^migrating release\.\d{4}\n$/);
    const bad = await house.deploy(app, { web: WEB, release: 'echo broken migration; exit 2' });
    expect(await house.settle(bad)).toBe('release-phase-failed');
    expect(currentRelease(house.db, app.id)?.version).toBe(good.version);
    expect((await house.request(app)).body).toContain(`v${good.version}`);
    await eventually('what it printed', async () =>
      /app\[release\.\d{4}\]: broken migration/.test(await house.logText(app)),
    );
  });

  it('restarts and stops single dynos', async () => {
    const app = house.createApp('restarted');
    await house.settle(await house.deploy(app, { web: WEB }));
    const [before] = await containersOf(app.id);
    restartDynos(house.db, { app, type: 'web', number: 1 });
    await eventually('another container', async () => {
      const now = await containersOf(app.id);
      return now.length === 1 && now[0] !== before;
    });
    stopDynos(house.db, { app, type: 'web', number: 1 });
    await eventually('none', async () => (await containersOf(app.id)).length === 0);
    expect((await house.dynos.list(app)).map(({ state }) => state)).toEqual(['down']);
    restartDynos(house.db, { app });
    await eventually('up', async () => (await house.dynos.list(app))[0]?.state === 'up');
  });

  it('adopts what runs after a restart of the daemon, and restarts nothing', async () => {
    const app = house.createApp('adopted');
    await house.settle(await house.deploy(app, { web: WEB, worker: 'sleep 1000' }));
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1 }] });
    await eventually('worker', async () =>
      (await house.dynos.list(app)).some(({ name, state }) => name === 'worker.1' && state === 'up'),
    );
    const before = await containersOf(app.id);
    await house.restartLoop();
    await eventually('up', async () => (await house.dynos.list(app)).every(({ state }) => state === 'up'));
    expect(await containersOf(app.id)).toEqual(before);
    expect((await house.request(app)).status).toBe(200);
  });

  it('replaces a container that somebody removed', async () => {
    const app = house.createApp('vanished');
    await house.settle(await house.deploy(app, { web: WEB }));
    const [before] = await containersOf(app.id);
    await house.engine.removeContainer(before ?? '');
    await eventually('another one', async () => {
      const now = await containersOf(app.id);
      if (now.length !== 1 || now[0] === before) return false;
      return (await house.request(app).catch(() => undefined))?.status === 200;
    });
  });

  it('serves the maintenance page while dynos keep running', async () => {
    const app = house.createApp('maintained');
    await house.settle(await house.deploy(app, { web: WEB }));
    const maintained = updateApp(house.db, { app, maintenance: true });
    await eventually('503', async () => (await house.request(app)).status === 503);
    expect((await house.dynos.list(app))[0]?.state).toBe('up');
    updateApp(house.db, { app: maintained, maintenance: false });
    await eventually('200', async () => (await house.request(app)).status === 200);
  });

  it('runs one-off dynos with streams apart and the exit code of the process', async () => {
    const app = house.createApp('oneoff');
    await house.settle(await house.deploy(app, { web: WEB }));
    const oneOff = await house.dynos.oneOffs.create({
      app,
      command: ['sh', '-c', 'cat; echo "$DYNO" >&2; exit 7'],
      env: {},
      tty: false,
      attach: true,
    });
    const stdout = collect(oneOff.attachment?.stdout);
    const stderr = collect(oneOff.attachment?.stderr);
    await oneOff.start();
    const ended = oneOff.wait();
    const { name } = oneOff.dyno;
    expect(await house.dynos.why.dyno(app, name)).toMatchObject({
      subject: name,
      state: 'up',
      evidence: { release: 'v2' },
    });
    oneOff.attachment?.stdin.end('to the process');
    expect((await ended).exitCode).toBe(7);
    expect(await stdout).toBe('to the process');
    expect(await stderr).toBe(`${oneOff.dyno.name}\n`);
    expect(name).toMatch(/^run\.\d{4}$/);
    const why = await eventually('its end is told', async () => {
      const told = await house.dynos.why.dyno(app, name);
      return told.evidence['exit_code'] !== undefined && told;
    });
    expect(why).toMatchObject({ state: 'ended', evidence: { exit_code: 7 } });
    expect(why.evidence['command']).toContain('cat; echo "$DYNO" >&2; exit 7');
    expect(why.nextStep).toContain('goes to its terminal only');
    await expect(house.dynos.why.dyno(app, 'run.999')).rejects.toMatchObject({ id: 'not_found' });
  });

  it('removes everything of a destroyed app', async () => {
    const app = house.createApp('destroyed');
    await house.settle(await house.deploy(app, { web: WEB }));
    destroyApp(house.db, { app });
    expect(getApp(house.db, app.id)).toBeUndefined();
    await eventually('no container', async () => (await containersOf(app.id)).length === 0);
    await eventually('404', async () => (await house.request(app)).status === 404);
  });

  async function containersOf(appId: string): Promise<string[]> {
    const containers = await house.engine.listContainers();
    return containers
      .filter(({ labels }) => labels[LABEL.app] === appId)
      .map(({ id }) => id)
      .sort();
  }
});

async function collect(stream: AsyncIterable<Buffer> | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
