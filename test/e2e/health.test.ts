// Checks of app.json through a push, and what `paas checks` and `paas why` print of them.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { type Paas, startPaas } from '../support/paas.js';

let paas: Paas;
beforeAll(async () => {
  paas = await startPaas({ PAAS_BOOT_TIMEOUT_SECONDS: '10' });
});
afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
});

const SERVER = `import http.server, os, signal, sys
broken = []
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/break": broken.append(1)
        bad = broken and self.path == "/health"
        self.send_response(503 if bad else 200); self.end_headers()
        self.wfile.write(b"queue is full" if bad else b"hello")
    def log_message(self, *a): pass
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()
`;

const CHECKS = {
  healthchecks: {
    web: [
      { type: 'startup', path: '/health' },
      { type: 'liveness', path: '/health', wait: 1, attempts: 2, onFailure: { url: 'http://a.test' } },
    ],
  },
};

describe('health', () => {
  it('is read from app.json, kept, and explained', async () => {
    const { owner } = paas;
    await owner.cli(['create', 'health', '--no-remote']);
    const repository = await owner.repository('health', {
      files: {
        Dockerfile: 'FROM paas-stack-run:13\nCOPY . /app\n',
        Procfile: 'web: exec python3 server.py\nworker: no-such-command --now\n',
        'app.json': '{"healthchecks": {"web": [{"path": "health"}]}}',
        'server.py': SERVER,
      },
    });
    const refused = await repository.push();
    expect(refused.code).not.toBe(0);
    expect(refused.all).toContain(
      'app.json: healthchecks.web[0].path "health" must be a path such as /health',
    );

    await repository.commit({ 'app.json': JSON.stringify(CHECKS) });
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    expect(pushed.all).toContain('app.json: healthchecks.web[1].onFailure is not run');
    const checks = await owner.cli(['checks', '-a', 'health']);
    expect(checks.stdout).toMatch(/web +liveness +http \/health on \$PORT: 200-399 +1s +5s +2 +app\.json/);
    const before = await owner.cli(['why', 'web.1', '-a', 'health']);
    expect(before.stdout).toContain('web.1: up\n');

    await paas.answers('health', 'hello', '/break');
    const why = await eventually(
      'web.1 was replaced',
      async () => {
        const { stdout } = await owner.cli(['why', 'web.1', '-a', 'health']);
        return stdout.includes('web.1: up\n') && stdout.includes('Earlier:') && stdout;
      },
      90_000,
    );
    expect(why).toMatch(
      /web\.1 v2: Error \(Dyno unhealthy\) -> Liveness check failed, 2 times in a row: GET \/health on port 5000: it answered 503, not 200-399; it said "queue is full"/,
    );
    expect(why).toMatch(/Last \d+ lines:\n.*heroku\[web\.1\]: Starting process/s);
    expect((await owner.cli(['logs', '-a', 'health', '-n', '200'])).stdout).toContain('Dyno unhealthy');
  });

  it('explains a crash, a release and the app', async () => {
    const { owner } = paas;
    await owner.cli(['ps:scale', 'worker=1', '-a', 'health']);
    const worker = await eventually(
      'the worker crashed twice',
      async () => {
        const { stdout } = await owner.cli(['why', 'worker.1', '-a', 'health']);
        return stdout.includes('2 times in a row') && stdout;
      },
      90_000,
    );
    expect(worker).toContain('worker.1: crashed\n');
    expect(worker).toMatch(
      /Cause: +Its process exited with 127: command not found, 2 times in a row; it is tried/,
    );
    expect(worker).toMatch(/Next try: +\d{4}/);
    expect(worker).toMatch(/Next step: +Mend the command of worker in the Procfile: no-such-command --now/);
    expect(worker).toContain('app[worker.1]:');
    const release = await owner.cli(['why', 'v2', '-a', 'health']);
    expect(release.stdout).toMatch(/^v2: current, partly up\n/);
    const app = await owner.cli(['why', '-a', 'health']);
    expect(app.stdout).toMatch(/^health: partly up\n/);
    expect(app.stdout).toContain('web.1: up. It runs v2 and is well');
    const json = JSON.parse((await owner.cli(['why', '-a', 'health', '--json'])).stdout);
    expect(json.explanations.map((one: { subject: string }) => one.subject)).toEqual([
      'health',
      'v2',
      'web.1',
      'worker.1',
    ]);
    const set = await owner.cli([
      'checks:set',
      'worker',
      '--command',
      'test -f /tmp/ok',
      '--interval',
      '5s',
      '-a',
      'health',
    ]);
    expect(set.stdout).toMatch(/worker +liveness +command test -f \/tmp\/ok +5s +5s +3 +setting/);
    const bad = await owner.cli(['checks:set', 'web', '--http', 'health', '-a', 'health']);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('path "health" must be a path such as /health');
  });
});
