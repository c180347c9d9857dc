// Every command of `paas` once against the running product.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, requestAs } from '../support/house.js';
import {
  type Output,
  type Paas,
  type Repository,
  type RunOptions,
  startPaas,
  startProgram,
} from '../support/paas.js';
import { tickProblems, ticksOf } from '../support/ticks.js';

const APP = 'talker';
let paas: Paas;
let repository: Repository;

beforeAll(async () => {
  paas = await startPaas();
  repository = await paas.owner.repository(APP, { fixture: 'talker' });
});

afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
});

async function ok(args: readonly string[], options?: RunOptions): Promise<Output> {
  const output = await paas.owner.cli(args, options);
  expect(output.code, `paas ${args.join(' ')}\n${output.all}`).toBe(0);
  return output;
}

async function json<Value>(args: readonly string[]): Promise<Value> {
  return JSON.parse((await ok([...args, '--json'])).stdout);
}

/** Runs a command on a terminal; each answer is typed when its question has come. */
async function onTerminal(
  args: readonly string[],
  answers: readonly (readonly [question: string, answer: string])[] = [],
): Promise<Output> {
  const command = [process.execPath, join(import.meta.dirname, '../../dist/cli/main.js'), ...args];
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const running = startProgram('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], {
    keepsInput: true,
    cwd: paas.owner.home,
    env: { PATH: process.env['PATH'], HOME: paas.owner.home, PAAS_HOST: paas.url, TERM: 'xterm' },
  });
  for (const [question, answer] of answers) {
    await eventually(`${question} is asked`, () => running.text().includes(question));
    running.child.stdin?.write(`${answer}\r`);
  }
  return await running.ended;
}

describe('paas', () => {
  it('logs in with a password on a terminal, with a token elsewhere', async () => {
    const { owner } = paas;
    const typed = await onTerminal(
      ['login'],
      [
        ['Email: ', owner.email],
        ['Password: ', owner.password],
      ],
    );
    expect(typed.code, typed.all).toBe(0);
    expect(typed.all).toContain(`as ${owner.email}`);
    expect(typed.all).not.toContain(owner.password);
    const token = (await ok(['auth:token'])).stdout.trim();
    expect(token).not.toBe(owner.token);
    const wrong = [
      ['Email: ', owner.email],
      ['Password: ', 'wrong'],
    ] as const;
    expect((await onTerminal(['login'], wrong)).code).toBe(1);
    await ok(['logout']);
    expect((await owner.cli(['whoami'])).code).not.toBe(0);
    await ok(['login'], { input: owner.token });
    expect((await ok(['whoami'])).stdout).toContain(owner.email);
    const config = join(owner.home, '.config/paas/config.json');
    expect(statSync(config).mode & 0o777).toBe(0o600);
    await ok(['doctor']);
    expect((await ok(['version'])).stdout).toMatch(/\d+\.\d+\.\d+/);
    expect((await ok(['help'])).stdout).toContain('config:set');
  });

  it('creates, lists, renames and destroys apps', async () => {
    await ok(['create', APP, '--no-remote']);
    const made = await json<{ name: string }>(['create', 'temporary', '--no-remote']);
    expect(made.name).toBe('temporary');
    expect((await ok(['apps'])).stdout).toContain('temporary');
    expect((await json<{ name: string }[]>(['apps'])).map(({ name }) => name).sort()).toEqual([
      APP,
      'temporary',
    ]);
    await ok(['apps:rename', 'renamed', '-a', 'temporary']);
    expect((await paas.owner.cli(['apps:info', 'temporary'])).code).not.toBe(0);
    expect((await ok(['apps:info', 'renamed'])).stdout).toContain('=== renamed');
    expect((await paas.http('renamed')).status).toBe(503);
    expect((await paas.owner.cli(['apps:destroy', 'renamed'])).code).toBe(2);
    await ok(['apps:destroy', 'renamed', '--confirm', 'renamed']);
    expect((await ok(['apps'])).stdout).not.toContain('renamed');
    await eventually('no route to a destroyed app', async () => (await paas.http('renamed')).status === 404);
    expect((await ok(['open', '/x', '-a', APP])).stdout.trim()).toBe(
      `http://${APP}.localhost:${paas.httpPort}/x`,
    );
  });

  it('deploys a directory, an archive and an image', async () => {
    writeFileSync(join(repository.dir, 'word'), 'directory');
    const directory = await ok(['deploy', '.', '-a', APP], { cwd: repository.dir });
    expect(directory.stdout).toMatch(/Released v2/);
    await paas.answers(APP, 'word=directory');
    writeFileSync(join(repository.dir, 'word'), 'archive');
    const archive = join(paas.owner.home, 'source.tar.gz');
    await startProgram('tar', ['czf', archive, '-C', repository.dir, '.'], { env: process.env }).ended;
    const build = await ok(['deploy', archive, '-a', APP, '--json']);
    expect(JSON.parse(build.stdout)).toMatchObject({ status: 'succeeded' });
    await paas.answers(APP, 'word=archive');
    const label = `paas.instance=${paas.instance}`;
    const image = `given-${paas.instance}:1`;
    const dir = (await paas.owner.repository('given', { fixture: 'talker' })).dir;
    writeFileSync(join(dir, 'word'), 'image');
    await paas.docker(['build', '-q', '--label', label, '-t', image, dir]);
    const given = await ok(['deploy', '--image', image, '-a', APP]);
    expect(given.stdout).toMatch(/Released v4/);
    await paas.answers(APP, 'word=image');
    await paas.docker(['image', 'rm', image]);
    const missing = await paas.owner.cli(['deploy', '--image', 'nobody.invalid/none:1', '-a', APP]);
    expect(missing.code).toBe(1);
    const builds = await json<{ id: string; status: string }[]>(['builds', '-a', APP]);
    expect(builds.map(({ status }) => status)).toEqual(['failed', 'succeeded', 'succeeded', 'succeeded']);
    expect((await ok(['builds', '-a', APP])).stdout).toContain('succeeded');
    const info = await ok(['builds:info', builds[3]?.id ?? '', '-a', APP]);
    expect(info.stdout).toContain('Status');
    expect(info.stdout).toContain('Released v2');
    expect((await ok(['builds:output', builds[3]?.id ?? '', '-a', APP])).stdout).toContain('Released v2');
    expect((await paas.owner.cli(['builds:cancel', '-a', APP])).code).toBe(1);
    expect((await ok(['apps:info', APP])).stdout).not.toMatch(/Size: +0/);
  });

  it('sets, gets, edits and unsets config vars', async () => {
    const set = await ok(['config:set', 'COLOR=blue', 'EMPTY=', 'URL=a=b', '-a', APP]);
    expect(set.all).toContain(`Setting COLOR, EMPTY, URL and restarting ${APP}... done, v5`);
    await paas.answers(APP, 'color=blue');
    expect((await ok(['config:get', 'URL', '-a', APP])).stdout).toBe('a=b\n');
    expect(await json(['config', '-a', APP])).toMatchObject({ COLOR: 'blue', EMPTY: '', URL: 'a=b' });
    expect((await ok(['config', '-s', '-a', APP])).stdout).toMatch(/^COLOR='?blue'?$/m);
    await ok(['config:edit', 'URL', '-a', APP], { env: { EDITOR: 'sed -i s/a=b/edited/' } });
    expect((await ok(['config:get', 'URL', '-a', APP])).stdout).toBe('edited\n');
    expect((await ok(['config:unset', 'URL', 'EMPTY', '-a', APP])).all).toContain('done, v7');
    expect(await json(['config', '-a', APP])).toEqual({ COLOR: 'blue' });
    const wrong = await paas.owner.cli(['config:set', 'FOO', '-a', APP]);
    expect([wrong.code, wrong.stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining('FOO is invalid'),
    ]);
    expect(wrong.code).not.toBe(0);
  });

  it('scales, restarts, stops and waits for dynos', async () => {
    expect((await ok(['ps:scale', 'web=2', '-a', APP])).all).toContain('done, now running web at 2:');
    await ok(['ps:wait', '-a', APP]);
    expect((await ok(['ps', '-a', APP])).stdout).toMatch(
      /=== web \(512M\) \(2\)\n\nweb\.1: up .*\nweb\.2: up /,
    );
    const before = await json<{ id: string; name: string }[]>(['ps', '-a', APP]);
    expect(before.map(({ name }) => name).sort()).toEqual(['web.1', 'web.2']);
    await ok(['ps:restart', 'web.1', '-a', APP]);
    await eventually('web.1 is another', async () => {
      const now = await json<{ id: string; name: string; state: string }[]>(['ps', '-a', APP]);
      const old = before.find(({ name }) => name === 'web.1')?.id;
      return now.some(({ id, name, state }) => name === 'web.1' && id !== old && state === 'up');
    });
    await ok(['ps:restart', '-a', APP]);
    await ok(['ps:stop', 'web.2', '-a', APP]);
    await ok(['ps:scale', 'web=1', '-a', APP]);
    await ok(['ps:type', 'web=256m', '-a', APP]);
    await ok(['ps:wait', '-a', APP]);
    expect((await ok(['ps:type', '-a', APP])).stdout).toContain('web');
    expect((await ok(['ps:scale', '-a', APP])).stdout).toMatch(/^web=1:/);
    expect(await json<{ quantity: number }[]>(['ps:scale', '-a', APP])).toMatchObject([
      { type: 'web', quantity: 1 },
    ]);
    for (const junk of [['web', '3'], ['web=-1'], ['nothing=1'], ['web=x'], ['web=1e9']])
      expect((await paas.owner.cli(['ps:scale', ...junk, '-a', APP])).code, junk.join(' ')).not.toBe(0);
  });

  it('rolls back image and config, and leaves the scale', async () => {
    await ok(['ps:scale', 'web=2', '-a', APP]);
    await ok(['config:set', 'COLOR=red', '-a', APP]);
    await paas.answers(APP, 'color=red');
    const releases = await json<{ version: number }[]>(['releases', '-a', APP]);
    expect(releases[0]?.version).toBe(8);
    expect((await ok(['releases', '-a', APP])).stdout).toContain('Current: v8');
    const back = await ok(['rollback', 'v3', '-a', APP]);
    expect(back.all).toContain(`Rolling back ${APP} to v3... done, v9`);
    await ok(['ps:wait', '-a', APP]);
    expect(await paas.answers(APP, 'word=archive')).toContain('color= ');
    expect(await json(['config', '-a', APP])).toEqual({});
    expect((await ok(['ps:scale', '-a', APP])).stdout).toMatch(/^web=2:/);
    expect((await ok(['releases:info', 'v8', '-a', APP])).stdout).toContain('COLOR');
    expect(await json(['releases:info', 'v8', '-a', APP])).toMatchObject({ config_vars: { COLOR: 'red' } });
    await ok(['releases:output', 'v8', '-a', APP]);
    await ok(['rollback', '-a', APP]);
    await paas.answers(APP, 'color=red');
    await ok(['ps:scale', 'web=1', '-a', APP]);
  });

  it('tails the log through a deploy, a restart and a crash of paasd', async () => {
    await ok(['config:set', 'TICK_MS=40', '-a', APP]);
    const tail = paas.owner.startCli(['logs', '--tail', '-n', '0', '-s', 'app', '-p', 'web', '-a', APP]);
    const launches = () => ticksOf(tail.text()).size;
    await eventually('the first ticks', () => launches() > 0, 60_000);
    await repository.commit({ word: 'tailed' });
    const before = launches();
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    await eventually('ticks of the new release', () => launches() > before, 60_000);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await paas.stop(signal);
      const seen = tail.text().length;
      await paas.start();
      await eventually(`ticks after ${signal}`, () => tail.text().length > seen + 2000, 60_000);
    }
    tail.child.kill('SIGINT');
    await tail.ended;
    expect(tickProblems(tail.text())).toEqual([]);
    const stored = (await ok(['logs', '-n', '1500', '-s', 'app', '-p', 'web', '-a', APP])).stdout;
    expect(tickProblems(stored)).toEqual([]);
    await ok(['config:unset', 'TICK_MS', '-a', APP]);
    await ok(['ps:wait', '-a', APP]);
  });

  it('shows parts of the log', async () => {
    await eventually('a router line', async () => {
      await paas.http(APP);
      return (await ok(['logs', '-p', 'router', '-a', APP])).stdout.includes(
        'heroku[router]: at=info method=GET',
      );
    });
    expect((await ok(['logs', '-n', '3', '-a', APP])).stdout.trim().split('\n')).toHaveLength(3);
    for (const line of (await ok(['logs', '-s', 'heroku', '-a', APP])).stdout.trim().split('\n'))
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 heroku\[[\w.-]+\]:/);
    const objects = (await ok(['logs', '-n', '2', '--json', '-a', APP])).stdout.trim().split('\n');
    expect(objects.map((line) => JSON.parse(line))).toHaveLength(2);
    expect((await paas.owner.cli(['logs', '-n', 'x', '-a', APP])).code).toBe(2);
  });

  it('runs one-off dynos: streams apart, stdin, exit code, terminal', async () => {
    const script = 'import sys; print(sys.stdin.read().upper()); print("err", file=sys.stderr); sys.exit(42)';
    const run = await paas.owner.cli(['run', '-q', '-a', APP, '--', 'python3', '-c', script], {
      input: 'in',
    });
    expect({ code: run.code, stdout: run.stdout, stderr: run.stderr }).toEqual({
      code: 42,
      stdout: 'IN\n',
      stderr: 'err\n',
    });
    const shell = await paas.owner.cli(['run', '-a', APP, '-e', 'A=1;B=2', 'echo $A$B $DYNO $COLOR; exit 3']);
    expect(shell.code).toBe(3);
    expect(shell.stdout).toMatch(/^12 run\.\d+ red\n$/);
    expect(shell.stderr).toMatch(/Running .* up, run\.\d+/);
    const [name = ''] = /run\.\d+/.exec(shell.stdout) ?? [];
    const why = await eventually('why it ended', async () => {
      const { stdout } = await ok(['why', name, '-a', APP]);
      return stdout.includes('Exit code: 3') && stdout;
    });
    expect(why).toMatch(new RegExp(`^${name}: ended\n`));
    expect(why).toContain('echo $A$B $DYNO $COLOR; exit 3');
    const terminal = await onTerminal(['run', '-a', APP, 'tty; stty size']);
    expect(terminal.all).toContain('/dev/pts/');
    const binary = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    const summed = await paas.owner.cli(['run', '-q', '-a', APP, '--', 'sha256sum'], { input: binary });
    const expected = await startProgram('sha256sum', [], { input: binary, env: process.env }).ended;
    expect(summed.stdout).toBe(expected.stdout);
    const detached = await ok(['run:detached', '--json', '-a', APP, 'echo from far']);
    await eventually('the line of the detached dyno', async () =>
      (await ok(['logs', '-a', APP, '-n', '300'])).stdout.includes(
        `app[${JSON.parse(detached.stdout).name}]: from far`,
      ),
    );
  });

  it('routes a domain', async () => {
    await ok(['domains:add', 'www.example.test', '-a', APP]);
    expect((await ok(['domains', '-a', APP])).stdout).toContain('www.example.test');
    expect(await json<unknown[]>(['domains', '-a', APP])).toHaveLength(2);
    await eventually('the domain is routed', async () =>
      (await requestAs('www.example.test', paas.httpPort, '/')).body.includes('word='),
    );
    await ok(['domains:remove', 'www.example.test', '-a', APP]);
    await eventually(
      'the domain is gone',
      async () => (await requestAs('www.example.test', paas.httpPort, '/')).status === 404,
    );
    await ok(['domains:add', 'other.example.test', '-a', APP]);
    await ok(['domains:clear', '-a', APP]);
    expect((await paas.owner.cli(['domains:add', 'not a host', '-a', APP])).code).not.toBe(0);
  });

  it('switches maintenance', async () => {
    await ok(['maintenance:on', '-a', APP]);
    expect((await ok(['maintenance', '-a', APP])).stdout).toBe('on\n');
    await eventually('the page', async () => (await paas.http(APP)).status === 503);
    await ok(['maintenance:off', '-a', APP]);
    await eventually('the app', async () => (await paas.http(APP)).status === 200);
    expect(await json(['maintenance', '-a', APP])).toMatchObject({ maintenance: false });
  });

  it('keeps the list of buildpacks', async () => {
    await ok(['buildpacks:set', 'heroku/nodejs', '-a', APP]);
    await ok(['buildpacks:add', 'python', '--index', '1', '-a', APP]);
    expect((await ok(['buildpacks', '-a', APP])).stdout).toMatch(/1\. .*python\n2\. .*nodejs/);
    await ok(['buildpacks:remove', 'python', '-a', APP]);
    expect(await json<unknown[]>(['buildpacks', '-a', APP])).toHaveLength(1);
    await ok(['buildpacks:clear', '-a', APP]);
    expect(await json<unknown[]>(['buildpacks', '-a', APP])).toEqual([]);
    expect((await paas.owner.cli(['buildpacks:set', 'cobol', '-a', APP])).code).not.toBe(0);
  });

  it('finds the app by the git remote', async () => {
    const app = await ok(['ps'], { cwd: repository.dir });
    expect(app.stdout).toContain('=== web');
    await ok(['git:remote', '-a', APP, '-r', 'other'], { cwd: repository.dir });
    expect(readFileSync(join(repository.dir, '.git/config'), 'utf8')).toContain('[remote "other"]');
    const clone = join(paas.owner.home, 'cloned');
    await ok(['git:clone', clone, '-a', APP]);
    expect(readFileSync(join(clone, 'word'), 'utf8')).toContain('tailed');
  });

  it('refuses what it does not understand', async () => {
    const cases: [string[], number][] = [
      [['nonsense'], 127],
      [['help', 'nonsense'], 127],
      [['apps', 'surplus'], 2],
      [['apps', '--nonsense'], 2],
      [['config:get', '-a', APP], 2],
      [['ps', '-a', 'no such'], 2],
      [['ps', '-a', 'missing'], 1],
      [['releases', '-n', '-3', '-a', APP], 2],
      [['rollback', 'v999', '-a', APP], 1],
      [['deploy', '/nowhere', '-a', APP], 2],
    ];
    for (const [args, code] of cases) {
      const result = await paas.owner.cli(args);
      expect({ args, code: result.code, stdout: result.stdout }).toEqual({ args, code, stdout: '' });
      expect(result.stderr).toMatch(/^ ▸ {4}/);
    }
  });
});
