// `git push` of the example apps to the running product: what the pusher reads, what is served, what the log says.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { keptLines } from '../support/log-accounting.js';
import { freePort } from '../support/own-places.js';
import { type Paas, type Repository, startPaas } from '../support/paas.js';

let paas: Paas;

beforeAll(async () => {
  paas = await startPaas({ PAAS_BOOT_TIMEOUT_SECONDS: '15' });
});

afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
});

async function createApp(
  name: string,
  fixture: string,
  files: Readonly<Record<string, string>> = {},
): Promise<Repository> {
  const created = await paas.owner.cli(['create', name, '--no-remote']);
  expect(created.all).toContain(`http://${name}.localhost:${paas.httpPort}/`);
  const repository = await paas.owner.repository(name, { fixture });
  if (Object.keys(files).length > 0) await repository.commit(files);
  return repository;
}

/** Builds a Node.js app without packages in a moment, where what it does is the point. */
const READY = { Dockerfile: 'FROM paas-stack-build:13\nWORKDIR /app\nCOPY --chown=20000:20000 . /app\n' };

async function logLine(app: string, text: string | RegExp): Promise<string> {
  return await eventually(
    `the log of ${app} has ${text}`,
    async () =>
      (await keptLines(paas.owner, app).catch(() => [])).find((line) =>
        typeof text === 'string' ? line.includes(text) : text.test(line),
      ),
    120_000,
  );
}

/** The version of the app's newest release, by the API. */
async function currentVersion(app: string): Promise<number> {
  const { body } = await paas.owner.api('GET', `/apps/${app}/releases`);
  return (body as { version: number; current: boolean }[]).find((release) => release.current)?.version ?? 0;
}

// Five at once, and builds get what the dynos of all the others leave.
describe.concurrent('git push', { timeout: 600_000 }, () => {
  it('builds a Node.js app as Heroku does, and again on the next push', async () => {
    const repository = await createApp('node-express', 'node-express');
    const first = await repository.push();
    expect(first.code, first.all).toBe(0);
    for (const head of ['-----> Node.js app detected', '-----> Launching...'])
      expect(first.stderr).toContain(`remote: ${head}`);
    expect(first.stderr).toMatch(/Procfile declares types +-> web/);
    expect(first.stderr).toMatch(/remote: +Released v2/);
    expect(first.stderr).toMatch(
      new RegExp(`remote: +http://node-express\\.localhost:${paas.httpPort}/ deployed`),
    );
    expect(first.stderr).toContain('remote: Verifying deploy... done.');
    expect(first.stderr).not.toContain('error:');
    expect((await paas.http('node-express')).body).toContain('Hello from Express');
    expect(JSON.parse((await paas.http('node-express', '/env')).body)).toMatchObject({ DYNO: 'web.1' });
    await repository.commit({
      'server.js': "require('node:http').createServer((q, s) => s.end('second')).listen(process.env.PORT);",
    });
    const second = await repository.push();
    expect(second.stderr).toMatch(/remote: +Released v3/);
    expect((await paas.http('node-express')).body).toBe('second');
  });

  it('runs three dynos of Flask that count in one Redis', async () => {
    const repository = await createApp('flask-redis', 'flask-redis');
    await using redis = await startRedis();
    await paas.owner.cli(['config:set', `REDIS_URL=${redis.url}`, '-a', 'flask-redis']);
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    expect(pushed.stderr).toContain('-----> Python app detected');
    const scaled = await paas.owner.cli(['ps:scale', 'web=3', '-a', 'flask-redis']);
    expect(scaled.all).toContain('done, now running web at 3:');
    const waited = await paas.owner.cli(['ps:wait', '-a', 'flask-redis']);
    expect(waited.code, waited.all).toBe(0);
    const counts: number[] = [];
    for (let visit = 0; visit < 12; visit += 1) {
      const { body } = await paas.http('flask-redis');
      counts.push(Number(/visitor (\d+)/.exec(body)?.[1] ?? Number.NaN));
    }
    expect(counts).toEqual(counts.map((_, index) => (counts[0] ?? 0) + index));
    // The last dyno that came up may have been given none of them.
    await eventually('a request to web.3', async () => {
      await paas.http('flask-redis');
      const lines = await keptLines(paas.owner, 'flask-redis').catch(() => []);
      return lines.some((line) => /heroku\[router\]: .*dyno=web\.3/.test(line));
    });
  });

  it('shows the release phase, and keeps the old release when it fails', async () => {
    const repository = await createApp('django-migrate', 'django-migrate');
    const first = await repository.push();
    expect(first.code, first.all).toBe(0);
    expect(first.stderr).toMatch(/remote:\s+Applying shop\.0001_initial\.\.\. OK/);
    expect((await paas.http('django-migrate')).body).toContain('Hello from Django');
    const before = await currentVersion('django-migrate');
    await repository.commit({ Procfile: 'release: echo cannot migrate; exit 3\nweb: gunicorn shop.wsgi\n' });
    const second = await repository.push();
    expect(second.stderr).toContain('cannot migrate');
    expect(second.stderr).toMatch(/remote: {2}! .*release/i);
    expect(await currentVersion('django-migrate')).toBe(before);
    expect((await paas.http('django-migrate')).body).toContain('Hello from Django');
    const releases = await paas.owner.cli(['releases', '-a', 'django-migrate']);
    expect(releases.stdout).toContain('release command failed');
  });

  it('serves a single-page app for every path', async () => {
    const repository = await createApp('static-site', 'static-site');
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    for (const path of ['/', '/deep/link'])
      expect((await paas.http('static-site', path)).body).toContain('Hello from a static site');
    expect((await paas.http('static-site', '/app.js')).body).toContain('location.pathname');
  });

  it('builds a Dockerfile with its cache', async () => {
    const repository = await createApp('dockerfile-app', 'dockerfile-app');
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    expect((await paas.http('dockerfile-app')).body).toContain('Hello from a Dockerfile');
  });

  it('runs the process types of a Procfile', async () => {
    const repository = await createApp('procfile-multi', 'procfile-multi', READY);
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    expect(pushed.stderr).toMatch(/Procfile declares types +-> web, worker, clock/);
    expect((await paas.owner.cli(['ps:scale', '-a', 'procfile-multi'])).stdout).toMatch(
      /^clock=0:\S+ web=1:\S+ worker=0:\S+\n$/,
    );
    const scaled = await paas.owner.cli(['ps:scale', 'worker=2', 'clock=1', '-a', 'procfile-multi']);
    expect(scaled.code, scaled.all).toBe(0);
    for (const dyno of ['worker.1', 'worker.2'])
      await logLine('procfile-multi', `app[${dyno}]: worker is up`);
    await logLine('procfile-multi', 'heroku[clock.1]: State changed from starting to up');
  });

  it('restarts a crashing app once and says so', async () => {
    const repository = await createApp('crasher', 'crasher', READY);
    // Long enough to be seen up, with five pushes at once.
    await paas.owner.cli(['config:set', 'CRASH_AFTER_MS=5000', '-a', 'crasher']);
    await repository.push();
    await logLine('crasher', 'heroku[web.1]: Process exited with status 1');
    await logLine('crasher', 'heroku[web.1]: State changed from up to crashed');
    // HAProxy closes a kept connection without an answer when the app dies with the request: clients ask again.
    const ask = () => paas.http('crasher').catch(() => ({ status: 0, body: '' }));
    await eventually(
      'the page of a crashed app',
      async () => {
        const { status, body } = await ask();
        return status === 503 && body.includes('Application error');
      },
      60_000,
    );
    // That one may have met the crash itself (H13, H21): later ones meet a crashed app.
    await eventually(
      'a request to a crashed app is told',
      async () => {
        await ask();
        const lines = await keptLines(paas.owner, 'crasher').catch(() => []);
        return lines.some((line) => /heroku\[router\]: at=error code=H10 desc="App crashed"/.test(line));
      },
      60_000,
    );
  });

  it('kills what ignores SIGTERM', async () => {
    const repository = await createApp('ignores-sigterm', 'ignores-sigterm', READY);
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    const restarted = await paas.owner.cli(['ps:restart', '-a', 'ignores-sigterm']);
    expect(restarted.code, restarted.all).toBe(0);
    await logLine('ignores-sigterm', 'app[web.1]: SIGTERM? No.');
    await logLine(
      'ignores-sigterm',
      'heroku[web.1]: Error R12 (Exit timeout) -> At least one process failed to exit within 30 seconds of SIGTERM',
    );
    await logLine('ignores-sigterm', 'heroku[web.1]: Process exited with status 137');
  });

  it('tells what a web process listened on instead of $PORT', async () => {
    const repository = await createApp('never-binds', 'never-binds', READY);
    const pushed = await repository.push();
    expect(pushed.stderr).toContain(' !     ');
    const line = await logLine('never-binds', 'Error R10 (Boot timeout)');
    const after = await logLine('never-binds', /127\.0\.0\.1:3000.*(?!Listening)/);
    expect(line).toContain('failed to bind to $PORT within 15 seconds of launch');
    expect(after).toBeDefined();
    expect(
      (await paas.owner.cli(['logs', '-s', 'heroku', '-n', '1500', '-a', 'never-binds'])).stdout,
    ).toContain('127.0.0.1:3000');
  });

  it('leaves the branch where it was when the build fails', async () => {
    const repository = await createApp('broken', 'talker');
    await repository.commit({ Dockerfile: 'FROM paas-stack-run:13\nRUN echo trying && exit 7\n' });
    for (const attempt of [1, 2]) {
      const pushed = await repository.push();
      expect(pushed.code, `attempt ${attempt}`).not.toBe(0);
      expect(pushed.stderr).toContain('trying');
      expect(pushed.stderr).toMatch(/remote: {2}! {5}.*exit code: 7/);
      expect(pushed.stderr).toContain('pre-receive hook declined');
      expect((await paas.owner.git(['ls-remote', 'paas'], { cwd: repository.dir })).stdout).toBe('');
    }
    await repository.commit({
      Dockerfile: 'FROM paas-stack-run:13\nCOPY . /app\nCMD ["python3", "server.py"]\n',
    });
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    expect((await paas.owner.git(['ls-remote', 'paas'], { cwd: repository.dir })).stdout).toContain(
      'refs/heads/main',
    );
    expect(await currentVersion('broken')).toBe(2);
  });

  it('deploys only main and master', async () => {
    const repository = await createApp('branches', 'talker');
    const pushed = await repository.push('main:refs/heads/feature');
    expect(pushed.code).not.toBe(0);
    expect(pushed.stderr).toMatch(/remote: .*main/);
    expect(await currentVersion('branches')).toBe(1);
  });

  it('lets a second push to an app wait for the first', async () => {
    const repository = await createApp('queue', 'talker');
    // A time that nothing else sleeps for: the test ends it.
    const nap = `86${process.pid}`;
    const slow = `FROM paas-stack-run:13\nRUN sleep ${nap} || true\nCOPY . /app\nCMD ["python3", "server.py"]\n`;
    await repository.commit({ Dockerfile: slow, word: 'first' });
    const first = repository.startPush();
    await eventually('the first push builds', () => first.text().includes('Dockerfile'), 90_000);
    const other = await paas.owner.repository('queue', { fixture: 'talker' });
    await other.commit({ word: 'second' });
    const second = other.startPush('+main:main');
    await eventually('the second waits', () => second.text().includes('waiting (place 1)'), 90_000);
    await eventually('the nap is over', () => endNap(nap), 90_000);
    const [one, two] = await Promise.all([first.ended, second.ended]);
    expect(one.code, one.all).toBe(0);
    expect(one.stderr).toMatch(/Released v2/);
    // It was forced over what it had seen, which the first one has replaced since.
    expect(two.code).not.toBe(0);
    expect(two.stderr).toContain('Another build of queue is running; waiting (place 1)');
    expect(two.stderr).toContain(' !     Another push moved main while this one waited.');
    expect(await currentVersion('queue')).toBe(2);
  });
});

/** Kills the sleep of a build's step; false while there is none. */
function endNap(seconds: string): boolean {
  const isNap = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${seconds}\0`;
    } catch {
      return false;
    }
  };
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isNap(name));
  return pid !== undefined && process.kill(Number(pid), 'SIGKILL');
}

/** A redis-server on the gateway of the instance's network, where dynos reach it. */
async function startRedis(): Promise<AsyncDisposable & { url: string }> {
  const gateway = (
    await paas.docker(['network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', paas.network])
  ).trim();
  const port = await freePort();
  const dir = join(paas.dataDir, 'tmp');
  const settings = ['--bind', gateway, '--port', String(port), '--save', '', '--protected-mode', 'no'];
  const server: ChildProcess = spawn('redis-server', settings, {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  server.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await eventually('redis-server is ready', () => output.includes('Ready to accept connections'));
  return {
    url: `redis://${gateway}:${port}/0`,
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM');
      if (server.exitCode === null) await once(server, 'exit');
      rmSync(join(dir, 'dump.rdb'), { force: true });
    },
  };
}
