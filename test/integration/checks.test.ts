import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import type { App } from '../../src/platform/apps.js';
import { setChecks } from '../../src/platform/checks.js';
import { changeConfig } from '../../src/platform/config-vars.js';
import { scale } from '../../src/platform/formation.js';
import { listIncidents } from '../../src/platform/incidents.js';
import { eventually, type House, openHouse } from '../support/house.js';
import { patience } from '../support/patience.js';

const docker = async (...args: string[]) => (await promisify(execFile)('docker', args)).stdout.trim();

// Healthy until asked for /break; from then on /health answers 500. /close moves it to 127.0.0.1:3000.
const WEB = `exec python3 -c '
import http.server, os, signal, sys, threading
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    broken = False
    def do_GET(self):
        if self.path == "/break": H.broken = True
        if self.path == "/close": threading.Thread(target=move).start()
        bad = H.broken and self.path == "/health"
        body = ("no database at " + os.environ.get("DATABASE", "") if bad else "fine").encode()
        self.send_response(500 if bad else 302 if self.path == "/away" else 200)
        if self.path == "/away": self.send_header("location", "http://127.0.0.1:5000/")
        self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
def move():
    server.shutdown(); server.server_close()
    http.server.ThreadingHTTPServer(("127.0.0.1", 3000), H).serve_forever()
signal.signal(signal.SIGTERM, lambda *a: os._exit(0))
server = http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H)
server.serve_forever()
threading.Event().wait()
'`;

describe('checks', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse({ bootTimeoutMs: 8000, coolOffMs: 600_000 });
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });

  const containersOf = async (app: App) =>
    (await house.engine.listContainers()).filter((c) => c.labels[LABEL.app] === app.id).map((c) => c.id);

  async function oneUp(name: string, processTypes: Record<string, string> = { web: WEB }) {
    const app = house.createApp(name);
    expect(await house.settle(await house.deploy(app, processTypes))).toBe('live');
    const [container = ''] = await containersOf(app);
    return { app, container };
  }

  const asks = (app: App, path: string) =>
    eventually(`an answer to ${path}`, async () => (await house.request(app, path)).status === 200);

  /** Waits until another container serves, and answers how long that took. */
  async function replaced(app: App, before: string): Promise<number> {
    const startedAt = performance.now();
    await eventually(
      'another container',
      async () => {
        const dynos = await house.dynos.list(app);
        return dynos.every((dyno) => dyno.state === 'up' && dyno.containerId !== before);
      },
      patience(60_000),
    );
    return performance.now() - startedAt;
  }

  it('are tried once when asked, and count for nothing', async () => {
    const { app, container } = await oneUp('asked');
    setChecks(house.db, {
      app,
      type: 'web',
      phases: ['liveness'],
      settings: { path: '/away', interval: 60 },
    });
    const run = (subject?: string) => house.dynos.runChecks(app, subject, AbortSignal.timeout(20_000));
    const [startup, liveness] = await run('web.1');
    expect(startup).toEqual({
      dyno: 'web.1',
      phase: 'startup',
      check: 'connect to port 5000',
      passed: true,
      said: undefined,
      evidence: {},
    });
    expect(liveness).toMatchObject({ phase: 'liveness', passed: true });
    setChecks(house.db, {
      app,
      type: 'web',
      phases: ['liveness'],
      settings: { path: '/away', status: '200' },
    });
    const [, failed] = await run();
    expect(failed).toMatchObject({
      check: 'GET /away on port 5000',
      passed: false,
      said: 'answered 302, not 200',
      evidence: { status: 302, body: 'fine' },
    });
    expect(failed?.evidence['listening']).toContain('0.0.0.0:5000');
    expect(await containersOf(app)).toEqual([container]);
    await expect(run('worker')).rejects.toThrow('asked has no process type "worker". It has: web.');
    await expect(run('web.2')).rejects.toMatchObject({ id: 'not_found' });
  });

  it('replaces a dyno whose health path fails, with the evidence in the log and no secret', async () => {
    const { app } = await oneUp('unhealthy');
    const changed = changeConfig(house.db, {
      app,
      by: house.account,
      updates: { DATABASE: 'postgres://u:hunter2@db/x' },
    });
    if (changed === undefined) throw new Error('no release');
    expect(await house.settle(changed)).toBe('live');
    setChecks(house.db, {
      app,
      type: 'web',
      phases: ['liveness'],
      settings: { path: '/health', interval: 1, attempts: 2 },
    });
    // A dyno of the release before would take the request and be broken in vain.
    await eventually('only the new release is there', async () => (await containersOf(app)).length === 1);
    const before = (await house.dynos.list(app))[0]?.containerId ?? '';
    await asks(app, '/break');
    await replaced(app, before);
    const text = await eventually('the line', async () => {
      const log = await house.logText(app);
      return log.includes('Dyno unhealthy') && log;
    });
    expect(text).toContain(
      'heroku[web.1]: Error (Dyno unhealthy) -> Liveness check failed, 2 times in a row: GET /health on port 5000: it answered 500, not 200-399; it said "no database at [hidden]"',
    );
    expect(text).not.toContain('hunter2');
    expect(text).toContain('heroku[web.1]: State changed from up to crashed');
    expect(listIncidents(house.db, app.id)[0]).toMatchObject({
      kind: 'check-failed',
      dyno: 'web.1',
      releaseVersion: changed.version,
      evidence: {
        check: 'http',
        request: 'GET /health',
        status: 500,
        body: 'no database at [hidden]',
        listening: ['0.0.0.0:5000'],
        failures: 2,
      },
    });
    await eventually('health', async () => (await house.request(app, '/health')).body === 'fine');
  });

  it('says where a process listens instead, once it has left its port', async () => {
    const { app, container } = await oneUp('moved');
    setChecks(house.db, { app, type: 'web', phases: ['liveness'], settings: { kind: 'port', interval: 1 } });
    await asks(app, '/close');
    await replaced(app, container);
    expect(await house.logText(app)).toContain(
      'connect to port 5000: it refused the connection; it listens on 127.0.0.1:3000, not on 0.0.0.0:5000',
    );
  });

  it('runs a command in the dyno, and kills one that takes too long', async () => {
    const app = house.createApp('commanded');
    const release = await house.deploy(app, { worker: 'touch /tmp/ok; sleep 1000' });
    expect(await house.settle(release)).toBe('nothing-to-run');
    setChecks(house.db, {
      app,
      type: 'worker',
      settings: { command: 'echo "seen by $DYNO"; test -f /tmp/ok' },
    });
    setChecks(house.db, {
      app,
      type: 'worker',
      phases: ['liveness'],
      settings: { interval: 1, attempts: 1 },
    });
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1 }] });
    const [dyno] = await eventually('worker', async () => {
      const dynos = await house.dynos.list(app);
      return dynos[0]?.state === 'up' && dynos;
    });
    const id = dyno?.containerId ?? '';
    const slow = await house.engine.runInContainer(id, ['sh', '-c', 'echo begun; sleep 5432 & wait'], {
      timeoutMs: 3000,
      maxOutputBytes: 3,
      signal: AbortSignal.timeout(patience(60_000)),
    });
    expect(slow).toEqual({ exitCode: undefined, output: 'beg' });
    expect(await docker('top', id)).not.toContain('5432');
    await docker('exec', id, 'rm', '/tmp/ok');
    await replaced(app, id);
    expect(await house.logText(app)).toContain(
      'Liveness check failed: command `echo "seen by $DYNO"; test -f /tmp/ok`: it ended with 1; it said "seen by worker.1\\\\n"',
    );
  });

  it('kills a command whose time is over before the engine has started it', async () => {
    const app = house.createApp('hasty');
    const release = await house.deploy(app, { worker: 'sleep 1000' });
    expect(await house.settle(release)).toBe('nothing-to-run');
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1 }] });
    const id = await eventually('worker', async () => (await house.dynos.list(app))[0]?.containerId);
    await eventually('it runs', async () => (await house.engine.inspectContainer(id)).state === 'running');
    const hasty = await house.engine.runInContainer(id, ['sleep', '6543'], {
      timeoutMs: 1,
      maxOutputBytes: 3,
      signal: AbortSignal.timeout(patience(60_000)),
    });
    expect(hasty.exitCode).toBeUndefined();
    const leaving = await house.engine.runInContainer(id, ['sh', '-c', 'sleep 7654 & exit 3'], {
      // Shorter than the engine waits for the output of what is left behind.
      timeoutMs: 1500,
      maxOutputBytes: 3,
      signal: AbortSignal.timeout(patience(60_000)),
    });
    expect(leaving.exitCode).toBe(3);
    await eventually('no command', async () =>
      ['[]', '<no value>'].includes(await docker('inspect', '-f', '{{.ExecIDs}}', id)),
    );
  });

  it.each([
    ['paused', 'Its container was paused', (id: string) => docker('pause', id)],
    ['stopped', 'stopped by a signal (SIGSTOP)', (id: string) => docker('kill', '--signal', 'STOP', id)],
    ['gone', undefined, (id: string) => docker('rm', '--force', id)],
  ])('replaces a dyno whose container is %s', async (name, line, harm) => {
    const { app, container } = await oneUp(name);
    await eventually('the harm', async () => {
      try {
        await harm(container);
        return true;
      } catch (error) {
        // Not at once on a busy machine.
        if (!String(error).includes('unable to freeze')) throw error;
        return false;
      }
    });
    const ms = await replaced(app, container);
    expect(ms).toBeLessThan(patience(name === 'stopped' ? 30_000 : 10_000));
    await eventually('the answer', async () => (await house.request(app)).body === 'fine');
    if (line !== undefined) expect(await house.logText(app)).toContain(line);
    await eventually('the old one is gone', async () => !(await containersOf(app)).includes(container));
  });

  it('notices processes that were stopped one by one', async () => {
    const { app, container } = await oneUp('frozen');
    await docker('exec', container, 'sh', '-c', 'kill -STOP $(pgrep -f "[p]ython3 -c")');
    await replaced(app, container);
    expect(await house.logText(app)).toContain('stopped by a signal (SIGSTOP)');
  });

  it('waits for startup checks, follows no redirect, and says in R10 what it saw', async () => {
    const { app } = await oneUp('awaited');
    setChecks(house.db, {
      app,
      type: 'web',
      phases: ['startup'],
      settings: { path: '/away', status: '200', interval: 3, attempts: 2 },
    });
    const release = await house.deploy(app, { web: WEB });
    expect(await house.settle(release)).toBe('unhealthy');
    expect(await house.logText(app)).toContain(
      'Error R10 (Boot timeout) -> Web process failed its startup check within 6 seconds of launch: GET /away on port 5000: it answered 302, not 200: "fine"',
    );
    expect(listIncidents(house.db, app.id)[0]).toMatchObject({
      kind: 'boot-timeout',
      evidence: { status: 302, listening: ['0.0.0.0:5000'] },
    });
    expect((await house.request(app)).body).toBe('fine');
  });

  it('goes on after a restart of the daemon, and restarts nothing', async () => {
    const { app, container } = await oneUp('adopted');
    setChecks(house.db, {
      app,
      type: 'web',
      phases: ['liveness'],
      settings: { path: '/health', interval: 1, attempts: 2 },
    });
    await house.restartLoop();
    await eventually('up', async () => (await house.dynos.list(app))[0]?.state === 'up');
    expect(await containersOf(app)).toEqual([container]);
    await asks(app, '/break');
    await replaced(app, container);
  });
});
