// What must hold when things go wrong: paasd stops or dies, code is deployed under load, a pusher goes away, and
// somebody looks where they should not.

import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { type Paas, type Repository, startPaas, type User } from '../support/paas.js';
import { expectWithin } from '../support/patience.js';

const APP = 'served';
const CANARY = 'canary-7f3a9c51e2';
let paas: Paas;
let repository: Repository;

beforeAll(async () => {
  paas = await startPaas();
  await paas.owner.cli(['create', APP, '--no-remote']);
  await paas.owner.cli(['config:set', `SECRET=${CANARY}`, '-a', APP]);
  repository = await paas.owner.repository(APP, { fixture: 'talker' });
  const pushed = await repository.push();
  expect(pushed.code, pushed.all).toBe(0);
  await paas.answers(APP, 'word=none');
});

afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
});

interface Load {
  /** Requests answered so far. */
  count(): number;
  /** Ends it; answers with what went wrong. */
  stop(): Promise<string[]>;
}

/** Four clients that ask one after the other, half of them on kept connections. */
function startLoad(path = '/'): Load {
  const failures: string[] = [];
  let count = 0;
  let isOver = false;
  const clients = [true, true, false, false].map(async (keepAlive) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!isOver) {
      const result = await getOnce(agent, path);
      count += 1;
      if (result !== '200') failures.push(result);
    }
    agent.destroy();
  });
  return {
    count: () => count,
    async stop() {
      isOver = true;
      await Promise.all(clients);
      return failures;
    },
  };
}

async function getOnce(agent: Agent, path: string): Promise<string> {
  return await new Promise((resolve) => {
    const headers = { host: `${APP}.localhost:${paas.httpPort}` };
    const get = request({ host: '127.0.0.1', port: paas.httpPort, path, agent, headers }, (response) => {
      response.resume();
      response.once('error', (error) => resolve(`in the body: ${error.message}`));
      response.once('end', () => resolve(String(response.statusCode)));
    });
    get.once('error', (error) => resolve(error.message));
    get.end();
  });
}

async function served(load: Load, more: number): Promise<void> {
  const target = load.count() + more;
  await eventually(`${more} more answers`, () => load.count() >= target, 60_000);
}

describe('requests', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'are all answered while paasd ends by %s and comes back',
    async (signal) => {
      const load = startLoad();
      await served(load, 100);
      const code = await paas.stop(signal);
      expect(code).toBe(signal === 'SIGTERM' ? 0 : null);
      await served(load, 300);
      await paas.start();
      await served(load, 300);
      expect(await load.stop()).toEqual([]);
    },
  );

  it('are all answered during deploys, restarts and scaling', async () => {
    const load = startLoad('/slow?seconds=0.02');
    for (const word of ['one', 'two']) {
      await repository.commit({ word });
      const pushed = await repository.push();
      expect(pushed.code, pushed.all).toBe(0);
      await paas.answers(APP, `word=${word}`);
    }
    for (const args of [
      ['ps:scale', 'web=3'],
      ['ps:restart'],
      ['ps:scale', 'web=1'],
      ['config:set', 'COLOR=blue'],
    ]) {
      const changed = await paas.owner.cli([...args, '-a', APP]);
      expect(changed.code, changed.all).toBe(0);
      await paas.owner.cli(['ps:wait', '-a', APP]);
      await served(load, 50);
    }
    expect(await load.stop()).toEqual([]);
  });

  it('are answered when a dyno dies', async () => {
    await paas.owner.cli(['ps:scale', 'web=2', '-a', APP]);
    await paas.owner.cli(['ps:wait', '-a', APP]);
    const [victim = ''] = await containers('paas.type=web');
    await paas.docker(['kill', victim]);
    await eventually(
      'a new dyno is up',
      async () => {
        const dynos = (await paas.owner.api('GET', `/apps/${APP}/dynos`)).body as { state: string }[];
        return (
          dynos.length === 2 &&
          dynos.every(({ state }) => state === 'up') &&
          !(await containers('paas.type=web')).includes(victim)
        );
      },
      60_000,
    );
    expect((await paas.http(APP)).status).toBe(200);
    await paas.owner.cli(['ps:scale', 'web=1', '-a', APP]);
  });
});

describe('a build', () => {
  it('goes on when the pusher goes away, and ends with its container when it is canceled', async () => {
    await paas.owner.cli(['create', 'left', '--no-remote']);
    const left = await paas.owner.repository('left', {
      files: { 'package.json': '{"name":"left","scripts":{"build":"sleep 600"}}' },
    });
    await paas.owner.cli(['buildpacks:set', 'nodejs', '-a', 'left']);
    const push = left.startPush();
    await eventually('the build runs', async () => (await containers('paas.role=build')).length > 0, 90_000);
    push.kill('SIGKILL');
    await push.ended;
    const again = left.startPush();
    await eventually(
      'the second push follows',
      () => again.text().includes('is being built already'),
      60_000,
    );
    const asked = performance.now();
    const canceled = await paas.owner.cli(['builds:cancel', '-a', 'left']);
    expect(canceled.code, canceled.all).toBe(0);
    // With the start of the command itself.
    expectWithin('builds:cancel', performance.now() - asked, 2000);
    expect(await containers('paas.role=build')).toEqual([]);
    expect((await again.ended).all).toContain('Push rejected: its build was canceled');
    expect((await paas.owner.git(['ls-remote', 'paas'], { cwd: left.dir })).stdout).toBe('');
  });

  it('is done again when paasd dies, and the branch moves with its release', async () => {
    await paas.owner.cli(['create', 'interrupted', '--no-remote']);
    const pushed = await paas.owner.repository('interrupted', { fixture: 'talker' });
    await pushed.commit({
      Dockerfile:
        'FROM paas-stack-run:13\nCOPY --chown=20000:20000 . /app\nRUN sleep 5\nCMD ["python3", "-u", "server.py"]\n',
      word: 'survivor',
    });
    const push = pushed.startPush();
    await eventually('the build runs', () => push.text().includes('sleep 5'), 90_000);
    await paas.stop('SIGKILL');
    expect((await push.ended).code).not.toBe(0);
    await paas.start();
    await paas.answers('interrupted', 'word=survivor');
    const { stdout } = await paas.owner.cli(['builds', '--json', '-a', 'interrupted']);
    expect(JSON.parse(stdout)).toMatchObject([{ status: 'succeeded', attempts: 2 }]);
    expect((await paas.owner.cli(['builds:output', '-a', 'interrupted'])).stdout).toContain(
      '-----> The platform restarted; building again\n',
    );
    const up = await eventually('the branch has moved', async () => {
      const { all } = await pushed.push();
      return all.includes('Everything up-to-date');
    });
    expect(up).toBe(true);
  });
});

describe('a config value', () => {
  it('is in no image, build output, log, command line or file in the clear', async () => {
    const filter = `label=paas.instance=${paas.instance}`;
    const images = [
      ...new Set((await paas.docker(['image', 'ls', '-aq', '--filter', filter])).split('\n').filter(Boolean)),
    ];
    expect(images.length).toBeGreaterThan(0);
    expect(await paas.docker(['image', 'inspect', ...images])).not.toContain(CANARY);
    for (const image of images)
      expect(await paas.docker(['history', '--no-trunc', image])).not.toContain(CANARY);
    expect((await paas.owner.cli(['builds:output', '-a', APP])).stdout).not.toContain(CANARY);
    expect((await paas.owner.cli(['logs', '-n', '1500', '-a', APP])).stdout).not.toContain(CANARY);
    expect(paas.daemonLog()).not.toContain(CANARY);
    const commandLines = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readText(`/proc/${pid}/cmdline`));
    expect(commandLines.filter((line) => line.includes(CANARY))).toEqual([]);
    for (const name of [
      'paas.sqlite',
      'paas.sqlite-wal',
      'logs.sqlite',
      'logs.sqlite-wal',
      'log/collector.log',
      'haproxy/haproxy.cfg',
    ])
      expect(readText(join(paas.dataDir, name)).includes(CANARY), name).toBe(false);
  });
});

describe('another account', () => {
  let stranger: User;

  beforeAll(async () => {
    stranger = await paas.createUser('stranger@example.com');
  });

  it('finds nothing of an app that is not its own', async () => {
    const release = (await paas.owner.api('GET', `/apps/${APP}/releases`)).body as { id: string }[];
    const build = (await paas.owner.api('GET', `/apps/${APP}/builds`)).body as { id: string }[];
    const app = `/apps/${APP}`;
    const asked: [string, string, unknown?][] = [
      ['GET', app],
      ['PATCH', app, { name: 'stolen' }],
      ['DELETE', app],
      ['GET', `${app}/config-vars`],
      ['PATCH', `${app}/config-vars`, { A: 'b' }],
      ['GET', `${app}/releases`],
      ['GET', `${app}/releases/1`],
      ['GET', `${app}/releases/2/config-vars`],
      ['POST', `${app}/releases`, { release: release[0]?.id }],
      ['GET', `${app}/builds`],
      ['GET', `${app}/builds/${build[0]?.id}`],
      ['DELETE', `${app}/builds/${build[0]?.id}`],
      ['POST', `${app}/builds`, { image: 'paas-stack-run:13' }],
      ['GET', `${app}/dynos`],
      ['GET', `${app}/dynos/web.1`],
      ['DELETE', `${app}/dynos`],
      ['DELETE', `${app}/dynos/web.1`],
      ['POST', `${app}/dynos`, { command: 'env', attach: true }],
      ['POST', `${app}/dynos/web.1/actions/stop`],
      ['GET', `${app}/formation`],
      ['PATCH', `${app}/formation`, { updates: [{ type: 'web', quantity: 0 }] }],
      ['GET', `${app}/domains`],
      ['POST', `${app}/domains`, { hostname: 'stolen.example.test', sni_endpoint: null }],
      ['GET', `${app}/buildpack-installations`],
      ['PUT', `${app}/buildpack-installations`, { updates: [] }],
      ['POST', `${app}/log-sessions`, { lines: 10 }],
      ['GET', `${app}/collaborators`],
    ];
    const answers: unknown[] = [];
    for (const [method, path, body] of asked) {
      const { status } = await stranger.api(method, path, body);
      if (status !== 404) answers.push({ method, path, status });
    }
    expect(answers).toEqual([]);
    expect((await stranger.api('GET', '/apps')).body).toEqual([]);
    expect((await stranger.api('GET', '/users/~/apps')).body).toEqual([]);
  });

  it('can neither read nor push its code', async () => {
    const own = await stranger.repository(APP, { fixture: 'talker' });
    const pushed = await own.push();
    expect(pushed.code).not.toBe(0);
    expect(pushed.stderr).toContain('not found');
    const cloned = await stranger.git(['clone', `${paas.url}/${APP}.git`, 'taken']);
    expect(cloned.code).not.toBe(0);
    expect((await paas.http(APP)).body).toContain('word=two');
  });

  it('is asked who it is', async () => {
    for (const path of ['/apps', `/apps/${APP}/config-vars`, `/${APP}.git/info/refs?service=git-upload-pack`])
      expect((await fetch(`${paas.url}${path}`)).status).toBe(401);
  });
});

async function containers(label: string): Promise<string[]> {
  const filters = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', `label=${label}`];
  return (await paas.docker(['ps', '-q', ...filters])).split('\n').filter(Boolean);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // A process that has ended meanwhile, or a file that is not there now.
    return '';
  }
}
