import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ApiStub, sendJson, startApiStub } from '../support/api-stub.js';
import { type CompiledCli, openCli } from '../support/run-cli.js';

const AT = '2026-01-31T12:00:00Z';
const user = { id: 'u1', email: 'ada@example.com' };
const app = {
  id: 'a1',
  name: 'example',
  git_url: 'http://paas.localhost/example.git',
  web_url: 'http://example.localhost:8080/',
  maintenance: false,
  owner: user,
  region: { id: 'r', name: 'local' },
  stack: { id: 's', name: 'paas-13' },
  created_at: AT,
  released_at: AT,
  repo_size: null,
  slug_size: null,
};
const release = (version: number, more: object = {}) => ({
  id: `00000000-0000-4000-8000-0000000000${String(version).padStart(2, '0')}`,
  version,
  description: `Deploy ${version}`,
  status: 'succeeded',
  current: false,
  created_at: AT,
  user,
  addon_plan_names: [],
  eligible_for_rollback: true,
  undone_by: null,
  output_stream_url: null,
  ...more,
});
const dyno = (name: string, more: object = {}) => ({
  name,
  type: name.split('.')[0],
  state: 'up',
  size: '512M',
  command: 'node server.js',
  updated_at: AT,
  attach_url: null,
  release: { id: 'x', version: 3 },
  ...more,
});

let cli: CompiledCli;
let api: ApiStub;
const env = () => ({ PAAS_HOST: api.host, PAAS_TOKEN: 'secret', PAAS_APP: 'example' });
const paas = (...args: string[]) => cli.run(args, { env: env() });
const last = (method: string) => api.seen.findLast((request) => request.method === method);
const jsonBody = (method: string) => JSON.parse(last(method)?.body.toString() ?? 'null');

beforeAll(async () => {
  cli = await openCli();
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
});
beforeEach(async () => {
  api = await startApiStub();
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
});

describe('the command line', () => {
  it.each([
    { args: ['pss'], code: 127, says: 'Did you mean: paas ps' },
    { args: ['ps', '--bogus'], code: 2, says: 'Unknown flag --bogus' },
    { args: ['ps:scale', 'web', '3'], code: 2, says: '"web" is not of the form TYPE=QTY' },
    { args: ['releases', 'junk'], code: 2, says: 'Unexpected argument "junk"' },
    { args: ['config:set'], code: 2, says: 'Missing argument' },
    { args: ['config:set', 'FOO'], code: 1, says: 'FOO is invalid. Must be in the format FOO=bar.' },
    { args: ['releases', '-n', 'x'], code: 2, says: '--num must be a whole number' },
    { args: ['logs', '-p', '../x'], code: 2, says: 'is not a dyno or process type' },
    { args: ['config', '-a', '../account'], code: 2, says: 'is not an app name' },
  ])('$args exits $code', async ({ args, code, says }) => {
    const result = await paas(...args);
    expect(result.stderr).toContain(says);
    expect(result.stderr).toMatch(/^ ▸ {4}/);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(api.seen).toEqual([]);
  });

  it('shows help for all commands and for one', async () => {
    expect((await paas('help')).stdout).toContain('ps:scale');
    expect((await paas('ps:scale', '--help')).stdout).toContain(
      '$ paas ps:scale [TYPE=QTY[:SIZE]...] [FLAGS]',
    );
    expect((await paas('help', 'scale')).stdout).toContain('$ paas ps:scale');
  });

  it('passes on what the server says, with its hint', async () => {
    api.json('GET /apps/example/dynos', { id: 'forbidden', message: 'No.', hint: 'Ask Ada.' }, 403);
    expect(await paas('ps')).toMatchObject({ code: 1, stdout: '', stderr: ' ▸    No.\n ▸    Ask Ada.\n' });
  });

  it('says what to check when nothing listens', async () => {
    const result = await cli.run(['ps', '-a', 'x'], {
      env: { PAAS_HOST: 'http://localhost:1', PAAS_TOKEN: 't' },
    });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('Nothing listens at http://localhost:1');
  });

  it('says so when something else than the API answers', async () => {
    api.on(
      'GET /account',
      (_request, reply) => void reply.writeHead(503, { 'content-type': 'text/html' }).end('<h1>'),
    );
    const result = await paas('whoami');
    expect(result.stderr).toContain('did not answer as a paas API (status 503, text/html)');
  });

  it('completes commands in bash, colons included', async () => {
    const script = (await paas('completion')).stdout;
    const complete = `${script}\nCOMP_LINE="paas ps:sc"; COMP_POINT=10; _paas; echo "\${COMPREPLY[@]}"`;
    expect(execFileSync('bash', ['-c', complete]).toString().trim()).toBe('scale');
  });
});

describe('login', () => {
  it('takes a token on stdin, keeps it private, lets git use it, and forgets it', async () => {
    api.json('GET /account', user);
    await writeFile(join(cli.home, '.netrc'), 'machine other.example.com login a password b\n');
    const result = await cli.run(['login', '--host', api.host], { input: 's3cret\n' });
    expect(result).toMatchObject({ code: 0, stdout: `Logged in to ${api.host} as ada@example.com\n` });
    expect(last('GET')?.headers.authorization).toBe('Bearer s3cret');
    const netrc = join(cli.home, '.netrc');
    expect(await readFile(netrc, 'utf8')).toBe(
      'machine other.example.com login a password b\nmachine paas.localhost\n  login ada@example.com\n  password s3cret\n',
    );
    for (const path of [netrc, join(cli.home, '.config/paas/config.json')]) {
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    expect((await cli.run(['whoami'])).stdout).toBe('ada@example.com\n');
    expect((await cli.run(['auth:token'])).stdout).toBe('s3cret\n');
    await cli.run(['logout']);
    expect(await readFile(netrc, 'utf8')).toBe('machine other.example.com login a password b\n');
    expect(await cli.run(['whoami'])).toMatchObject({ code: 1 });
  });

  it('asks for email and password on a terminal, and does not show the password', async () => {
    const made = { id: 'auth1', access_token: { id: 't', token: 'fresh', expires_in: null }, user };
    api.json('POST /oauth/authorizations', made, 201);
    const command = `"${process.execPath}" "${cli.main}" login`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, HOME: cli.home, PAAS_HOST: api.host, PAAS_TOKEN: '' },
    });
    let out = '';
    let typed = 0;
    const answers: [string, string][] = [
      ['Email: ', 'ada@example.com\r'],
      ['Password: ', 'hunter2\r'],
    ];
    child.stdout.on('data', (chunk) => {
      out += chunk;
      const [prompt, answer] = answers[typed] ?? [];
      if (prompt === undefined || !out.includes(prompt)) return;
      typed += 1;
      child.stdin.write(answer);
    });
    const [code] = await once(child, 'close');
    expect(out).toContain(`Logged in to ${api.host} as ada@example.com`);
    expect(code).toBe(0);
    expect(out).not.toContain('hunter2');
    const basic = Buffer.from('ada@example.com:hunter2').toString('base64');
    expect(last('POST')?.headers.authorization).toBe(`Basic ${basic}`);
    api.json('DELETE /oauth/authorizations/auth1', {});
    await cli.run(['logout'], { env: { PAAS_HOST: api.host } });
    expect(last('DELETE')?.headers.authorization).toBe('Bearer fresh');
  });

  it('refuses a token that the server refuses', async () => {
    api.json('GET /account', { id: 'unauthorized', message: 'Invalid credentials provided.' }, 401);
    const result = await cli.run(['login', '--host', api.host, '--token', 'x']);
    expect(result).toMatchObject({
      code: 1,
      stderr: ' ▸    Invalid credentials provided.\n ▸    Log in with: paas login\n',
    });
  });
});

describe('apps and git', () => {
  let directory: string;
  const git = (...args: string[]) => execFileSync('git', args, { cwd: directory, encoding: 'utf8' }).trim();
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'paas-cli-git-'));
    git('init', '-q');
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('creates an app with its remote, finds the app by it, renames and destroys', async () => {
    const login = { PAAS_HOST: api.host, PAAS_TOKEN: 't' };
    const here = (...args: string[]) => cli.run(args, { cwd: directory, env: login });
    api.json('POST /apps', app, 201);
    const created = await here('create', 'example');
    expect(created.stderr).toBe('Creating example... done\nGit remote paas added\n');
    expect(created.stdout).toBe(`http://example.localhost:8080/ | ${api.host}/example.git\n`);
    expect(git('remote', 'get-url', 'paas')).toBe(`${api.host}/example.git`);
    api.json('GET /apps/example/dynos', []);
    expect((await here('ps')).stdout).toBe('No dynos on example.\n');
    api.json('PATCH /apps/example', { ...app, name: 'better' });
    await here('apps:rename', 'better');
    expect(git('remote', 'get-url', 'paas')).toBe(`${api.host}/better.git`);
    api.json('GET /apps/better', { ...app, name: 'better' });
    api.json('DELETE /apps/better', { ...app, name: 'better' });
    expect(await here('apps:destroy')).toMatchObject({ code: 2 });
    expect(await here('apps:destroy', '--confirm', 'wrong')).toMatchObject({ code: 1 });
    expect(last('DELETE')).toBeUndefined();
    expect(await here('apps:destroy', '--confirm', 'better')).toMatchObject({ code: 0 });
    expect(git('remote')).toBe('');
  });

  it('does not use a remote of another server', async () => {
    git('remote', 'add', 'paas', 'http://elsewhere.example.com/example.git');
    const result = await cli.run(['ps'], { cwd: directory, env: { PAAS_HOST: api.host, PAAS_TOKEN: 't' } });
    expect(result.stderr).toContain('points to http://elsewhere.example.com');
    expect(api.seen).toEqual([]);
  });
});

describe('config, ps, releases', () => {
  it('sets config vars in one release', async () => {
    api.json('PATCH /apps/example/config-vars', { FOO: 'a=b', LONGER: 'c', OLD: 'x' });
    api.json('GET /apps/example/releases', [release(11)], 206);
    const result = await paas('config:set', 'FOO=a=b', 'LONGER=c');
    expect(result.stderr).toBe('Setting FOO, LONGER and restarting example... done, v11\n');
    expect(result.stdout).toBe('FOO:    a=b\nLONGER: c\n');
    expect(jsonBody('PATCH')).toEqual({ FOO: 'a=b', LONGER: 'c' });
    expect(last('GET')?.headers.range).toBe('version ..; order=desc,max=1');
  });

  it('says when config vars wait for a release command', async () => {
    api.json('PATCH /apps/example/config-vars', { FOO: '1' });
    api.json('GET /apps/example/releases', [release(12, { status: 'pending' })], 206);
    const { code, stderr } = await paas('config:set', 'FOO=1');
    expect(stderr).toContain('example... done, v12\n');
    expect(stderr).toContain('this config change will not be available until the command succeeds');
    expect(code).toBe(0);
  });

  it('edits config vars with the editor, without a shell', async () => {
    const editor = join(cli.home, 'editor.sh');
    await writeFile(editor, "#!/bin/sh\nprintf \"NEW='it'\\\\''s'\\nKEEP=1\\n\" > \"$2\"\n", { mode: 0o755 });
    api.json('GET /apps/example/config-vars', { KEEP: '1', GONE: '2' });
    api.json('PATCH /apps/example/config-vars', {});
    api.json('GET /apps/example/releases', [release(4)]);
    const result = await cli.run(['config:edit'], { env: { ...env(), EDITOR: `${editor} --wait` } });
    expect(result).toMatchObject({ code: 0 });
    expect(jsonBody('PATCH')).toEqual({ NEW: "it's", GONE: null });
  });

  it("prints no empty command for dynos that run the image's own", async () => {
    api.json('GET /apps/example/dynos', [dyno('web.1', { command: '' })]);
    expect((await paas('ps')).stdout).toContain('=== web (512M) (1)\n');
  });

  it('prints dynos in groups', async () => {
    const dynos = [
      dyno('run.12', { command: 'bash' }),
      dyno('worker.1', { state: 'crashed' }),
      dyno('web.10'),
      dyno('web.2'),
    ];
    api.json('GET /apps/example/dynos', dynos);
    expect((await paas('ps')).stdout).toBe(
      [
        '=== web (512M): node server.js (2)\n',
        'web.2: up 2026/01/31 12:00:00 +0000',
        'web.10: up 2026/01/31 12:00:00 +0000\n',
        '=== worker (512M): node server.js (1)\n',
        'worker.1: crashed 2026/01/31 12:00:00 +0000\n',
        '=== run: one-off processes (1)\n',
        'run.12 (512M): up 2026/01/31 12:00:00 +0000: bash\n\n',
      ].join('\n'),
    );
    expect(JSON.parse((await paas('ps', '--json')).stdout)).toHaveLength(4);
  });

  it('prints a warning of the server on stderr, once though it comes again and again', async () => {
    const warning = 'The Docker engine has not answered since then.';
    let asked = 0;
    api.on('GET /apps/example/dynos', (_, reply) => {
      asked += 1;
      reply.setHeader('x-heroku-warning', warning);
      sendJson(reply, 200, [dyno('web.1', { state: asked < 3 ? 'starting' : 'up' })]);
    });
    const listed = await paas('ps', '--json');
    expect(JSON.parse(listed.stdout)).toHaveLength(1);
    expect(listed.stderr).toBe(` ▸    ${warning}\n`);
    api.json('GET /apps/example/formation', [{ type: 'web', quantity: 1, size: '512M', command: 'x' }]);
    api.json('GET /apps/example/releases', [release(3)]);
    const waited = await paas('ps:wait');
    expect(waited.code, waited.stderr).toBe(0);
    expect(asked).toBe(3);
    expect(waited.stderr.split(warning)).toHaveLength(2);
  });

  it('scales', async () => {
    const formation = [
      { type: 'web', quantity: 3, size: '512M', command: 'x' },
      { type: 'worker', quantity: 1, size: '1G', command: 'y' },
    ];
    api.json('GET /apps/example/formation', formation);
    api.json('PATCH /apps/example/formation', formation);
    expect((await paas('ps:scale')).stdout).toBe('web=3:512M worker=1:1G\n');
    const scaled = await paas('scale', 'web=3', 'worker+1:1G');
    expect(scaled.stderr).toBe('Scaling dynos... done, now running web at 3:512M, worker at 1:1G\n');
    expect(jsonBody('PATCH')).toEqual({
      updates: [
        { type: 'web', quantity: '3' },
        { type: 'worker', quantity: '+1', size: '1G' },
      ],
    });
  });

  it.each([
    { args: ['ps:restart'], request: 'DELETE /apps/example/dynos' },
    { args: ['restart', 'web.1'], request: 'DELETE /apps/example/dynos/web.1' },
    { args: ['ps:restart', '-p', 'worker'], request: 'DELETE /apps/example/formations/worker' },
    { args: ['ps:stop', 'run.1'], request: 'POST /apps/example/dynos/run.1/actions/stop' },
  ])('$args sends $request', async ({ args, request }) => {
    api.json(request, {}, 202);
    expect(await paas(...args)).toMatchObject({ code: 0 });
  });

  it('lists releases and rolls back to the one before', async () => {
    const list = [
      release(4, { current: true }),
      release(3, { undone_by: 4 }),
      release(2, { status: 'failed', eligible_for_rollback: false }),
      release(1),
    ];
    api.json('GET /apps/example/releases', list, 206);
    expect((await paas('releases')).stdout).toBe(
      [
        '=== example Releases - Current: v4\n',
        'v4  Deploy 4                         ada@example.com  2026/01/31 12:00:00 +0000',
        'v3  Deploy 3 rolled back by v4       ada@example.com  2026/01/31 12:00:00 +0000',
        'v2  Deploy 2 release command failed  ada@example.com  2026/01/31 12:00:00 +0000',
        'v1  Deploy 1                         ada@example.com  2026/01/31 12:00:00 +0000\n',
      ].join('\n'),
    );
    api.json('POST /apps/example/releases', release(5), 201);
    const result = await paas('rollback');
    expect(jsonBody('POST')).toEqual({ release: release(1).id });
    expect(result.stderr).toContain('Rolling back example to v1... done, v5\n');
    expect(result.stderr).toContain('To undo, run: paas rollback v4\n');
  });

  it('rolls back to the newest release that ran before the current one', async () => {
    const out = { eligible_for_rollback: false };
    const undone = release(8, { current: true, undone_by: 9 });
    const list = [
      release(10, { status: 'pending', ...out }),
      release(9, { status: 'failed', ...out }),
      undone,
    ];
    list.push(release(7, { status: 'expired', ...out }), release(6), release(5));
    api.json('GET /apps/example/releases', list, 206);
    api.json('POST /apps/example/releases', release(11), 201);
    expect((await paas('rollback')).stderr).toContain('Rolling back example to v6... done, v11\n');
    expect(jsonBody('POST')).toEqual({ release: release(6).id });
  });
});

describe('deploy', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'paas-cli-deploy-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });
  const build = (status: string) => ({
    id: 'b1',
    status,
    created_at: AT,
    output_stream_url: 'http://unreachable.invalid/apps/example/builds/b1/output',
    release: null,
    source_blob: null,
    user,
  });
  const names = async (archive: Buffer) => {
    const found: string[] = [];
    const extract = tar.extract();
    Readable.from([archive]).pipe(createGunzip()).pipe(extract);
    for await (const entry of extract) {
      found.push(
        `${entry.header.name}${entry.header.type === 'symlink' ? ` -> ${entry.header.linkname}` : ''}`,
      );
      entry.resume();
    }
    return found;
  };

  it('packs a directory, streams the output over a broken connection, and exits 0', async () => {
    await mkdir(join(directory, 'node_modules/x'), { recursive: true });
    await mkdir(join(directory, '.git'));
    await mkdir(join(directory, 'sub'));
    await writeFile(join(directory, '.gitignore'), 'node_modules/\n*.log\n');
    await writeFile(join(directory, '.slugignore'), '*.psd\n');
    await writeFile(join(directory, 'sub/.gitignore'), '!keep.log\n');
    for (const name of [
      'a.js',
      'a.log',
      'art.psd',
      'sub/keep.log',
      'sub/b.log',
      'node_modules/x/i.js',
      '.git/HEAD',
    ]) {
      await writeFile(join(directory, name), randomBytes(100_000));
    }
    await symlink('a.js', join(directory, 'link'));
    api.json('POST /apps/example/builds', build('pending'), 201);
    let asked = 0;
    api.on('GET /apps/example/builds/b1/output', (_request, reply) => {
      asked += 1;
      reply.writeHead(200, { 'content-type': 'text/plain' });
      if (asked > 1) return void reply.end('-----> one\n-----> two\n       http://ü.localhost/ deployed\n');
      reply.write('-----> one\n-----> tw', () => reply.destroy());
    });
    api.json('GET /apps/example/builds/b1', build('succeeded'));
    const result = await paas('deploy', directory);
    expect(result.stdout).toBe('-----> one\n-----> two\n       http://ü.localhost/ deployed\n');
    expect(result.stderr).toMatch(/^Uploading source\.\.\. done, [\d.]+ kB\n$/);
    expect(result.code).toBe(0);
    expect(last('POST')?.headers['content-type']).toBe('application/gzip');
    expect(await names(last('POST')?.body ?? Buffer.alloc(0))).toEqual([
      '.gitignore',
      '.slugignore',
      'a.js',
      'link -> a.js',
      'sub',
      'sub/.gitignore',
      'sub/keep.log',
    ]);
  });

  it('exits 1 when the build failed', async () => {
    api.json('POST /apps/example/builds', build('pending'), 201);
    api.on(
      'GET /apps/example/builds/b1/output',
      (_request, reply) => void reply.end(' !     No such image\n'),
    );
    api.json('GET /apps/example/builds/b1', build('failed'));
    expect(await paas('deploy', '--image', 'nowhere/x')).toMatchObject({
      code: 1,
      stdout: ' !     No such image\n',
    });
    expect(jsonBody('POST')).toEqual({ image: 'nowhere/x' });
  });

  it('cancels the build on Ctrl-C and shows how it ends', async () => {
    api.json('POST /apps/example/builds', build('pending'), 201);
    let end = () => {};
    api.on('GET /apps/example/builds/b1/output', (_request, reply) => {
      reply.write('-----> waiting\n');
      end = () => reply.end(' !     Canceled\n');
    });
    api.on('DELETE /apps/example/builds/b1', (_request, reply) => {
      sendJson(reply, 200, build('canceled'));
      end();
    });
    api.json('GET /apps/example/builds/b1', build('canceled'));
    const result = await cli.run(['deploy', directory], {
      env: env(),
      during: (child) => child.stdout?.once('data', () => child.kill('SIGINT')),
    });
    expect(result).toMatchObject({ code: 130, stdout: '-----> waiting\n !     Canceled\n' });
  });

  it('shows why the server refused an upload that is still being sent', async () => {
    await writeFile(join(directory, 'big'), randomBytes(30_000_000));
    const server = createServer((_request, reply) => {
      reply.writeHead(413, { 'content-type': 'application/json', connection: 'close' });
      reply.end('{"id":"payload_too_large","message":"The archive is too large."}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const result = await cli.run(['deploy', directory], {
      env: { ...env(), PAAS_HOST: `http://localhost:${port}` },
    });
    server.closeAllConnections();
    server.close();
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/The archive is too large\.|ended the upload before all was sent/);
  });

  it('refuses a file that is no archive, and a missing one', async () => {
    await writeFile(join(directory, 'x.tar.gz'), 'no');
    expect(await paas('deploy', join(directory, 'x.tar.gz'))).toMatchObject({ code: 2 });
    expect(await paas('deploy', join(directory, 'none'))).toMatchObject({ code: 2 });
    expect(api.seen).toEqual([]);
  });
});

describe('logs', () => {
  const line = (n: number) => `2026-01-31T12:00:00.000000+00:00 app[web.1]: line ${n}`;
  const sse = (...ids: number[]) => ids.map((id) => `id: ${id}\ndata: ${line(id)}\n\n`).join('');

  it('prints lines, or objects', async () => {
    api.json(
      'POST /apps/example/log-sessions',
      { logplex_url: 'http://unreachable.invalid/stream?sig=1' },
      201,
    );
    api.on('GET /stream', (_request, reply) => void reply.end(`retry: 1\n\n${sse(1, 2)}`));
    expect((await paas('logs', '-n', '5', '-p', 'web', '-s', 'app')).stdout).toBe(`${line(1)}\n${line(2)}\n`);
    expect(jsonBody('POST')).toEqual({ lines: 5, tail: false, source: 'app', type: 'web' });
    const objects = (await paas('logs', '--json', '-d', 'web.1')).stdout.trim().split('\n');
    expect(JSON.parse(objects[1] ?? '')).toEqual({
      id: '2',
      timestamp: '2026-01-31T12:00:00.000000+00:00',
      source: 'app',
      process: 'web.1',
      message: 'line 2',
    });
    expect(jsonBody('POST')).toEqual({ lines: 100, tail: false, dyno: 'web.1' });
  });

  it('says why there is no line of a dyno, and has those of dynos that were', async () => {
    const args = ['-d', 'wbe.1'];
    const says = 'example has no process type "wbe". It has: web, worker. Did you mean web.1?';
    api.json('POST /apps/example/log-sessions', { logplex_url: '/stream' }, 201);
    api.json('GET /apps/example/formation', [
      { type: 'web', quantity: 2 },
      { type: 'worker', quantity: 0 },
    ]);
    api.json('GET /apps/example/dynos', [dyno('web.1'), dyno('web.2')]);
    let stream = 'retry: 1\n\n';
    api.on('GET /stream', (_request, reply) => void reply.end(stream));
    const none = await paas('logs', ...args);
    expect(none).toMatchObject({ code: 0, stdout: '' });
    expect(none.stderr).toContain(says);
    const tailed = await cli.run(['logs', '--tail', ...args], {
      env: env(),
      during: (child) => child.stderr?.on('data', () => child.kill('SIGTERM')),
    });
    expect(tailed.stderr).toContain(says);
    expect(await paas('logs', '-p', 'web')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    stream = sse(1);
    expect(await paas('logs', ...args)).toMatchObject({ code: 0, stdout: `${line(1)}\n`, stderr: '' });
  });

  it('shows how many lines were dropped, where they are missing', async () => {
    const notice = 't heroku[logplex]: Error L11 (Tail buffer overflow): 7 messages dropped since t.';
    const dropped = `event: dropped\ndata: {"count":7}\n\ndata: ${notice}\n\n`;
    api.json('POST /apps/example/log-sessions', { logplex_url: '/stream' }, 201);
    api.on('GET /stream', (_request, reply) => void reply.end(`${sse(1)}${dropped}${sse(9)}`));
    expect((await paas('logs')).stdout).toBe(`${line(1)}\n${notice}\n${line(9)}\n`);
    const objects = (await paas('logs', '-j')).stdout.trim().split('\n');
    expect(JSON.parse(objects[1] ?? '')).toEqual({ event: 'dropped', count: 7 });
  });

  it('goes on after a broken connection and an expired session, each line once', async () => {
    const from: (string | undefined)[] = [];
    let cut: () => void = () => undefined;
    api.json('POST /apps/example/log-sessions', { logplex_url: '/stream' }, 201);
    api.on('GET /stream', (request, reply) => {
      from.push(request.headers['last-event-id'] as string | undefined);
      if (from.length === 1) {
        reply.write(sse(1, 2));
        cut = () => reply.destroy();
      } else if (from.length === 2) sendJson(reply, 404, { id: 'not_found', message: 'Expired.' });
      else reply.write(sse(2, 3));
    });
    const result = await cli.run(['logs', '--tail'], {
      env: env(),
      during: (child) => {
        let text = '';
        child.stdout?.on('data', (chunk) => {
          text += chunk;
          // Not before it has been read: what is in the pipe goes with the connection.
          if (text.includes('line 2')) cut();
          if (text.includes('line 3')) child.kill('SIGTERM');
        });
      },
    });
    expect(result.stdout).toBe(`${line(1)}\n${line(2)}\n${line(3)}\n`);
    expect(from).toEqual([undefined, '2', '2']);
  });

  it('waits for a server that restarts before the first line', async () => {
    let asked = 0;
    api.json('POST /apps/example/log-sessions', { logplex_url: '/stream' }, 201);
    api.on('GET /stream', (_request, reply) => {
      asked += 1;
      if (asked === 1) sendJson(reply, 503, { id: 'restarting', message: 'The platform is restarting.' });
      else if (asked === 2) reply.destroy();
      else reply.write(sse(1));
    });
    const result = await cli.run(['logs', '--tail'], {
      env: env(),
      during: (child) => child.stdout?.on('data', () => child.kill('SIGTERM')),
    });
    expect(result).toMatchObject({ stdout: `${line(1)}\n`, stderr: '' });
  });

  it('stops when the app is gone', async () => {
    api.json('POST /apps/example/log-sessions', { logplex_url: '/stream' }, 201);
    const gone = { id: 'not_found', message: "Couldn't find that app." };
    api.on('GET /stream', (_request, reply) => {
      reply.end(sse(1));
      api.json('GET /stream', gone, 404);
      api.json('POST /apps/example/log-sessions', gone, 404);
    });
    const result = await paas('logs', '-t');
    expect(result).toMatchObject({
      code: 1,
      stdout: `${line(1)}\n`,
      stderr: " ▸    Couldn't find that app.\n",
    });
  });

  it('ends quietly when the reader of its output goes away', async () => {
    api.json('POST /apps/example/log-sessions', { logplex_url: '/stream' }, 201);
    api.on('GET /stream', (_request, reply) => {
      let id = 0;
      const more = () =>
        reply.write(sse(...Array.from({ length: 500 }, () => ++id)), () => setImmediate(more));
      reply.on('error', () => {});
      more();
    });
    const script = `"${process.execPath}" "${cli.main}" logs --tail | head -n 3; echo "\${PIPESTATUS[0]}"`;
    const child = spawn('bash', ['-c', script], { env: { ...process.env, HOME: cli.home, ...env() } });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    await once(child, 'close');
    expect(out).toBe(`${line(1)}\n${line(2)}\n${line(3)}\n0\n`);
    expect(err).toBe('');
  });
});

describe('run', () => {
  const attachable = () => {
    const attach_url = 'http://unreachable.invalid/apps/example/dynos/run.1/attach?token=t';
    api.json('POST /apps/example/dynos', dyno('run.1', { attach_url }), 201);
  };
  const ATTACH = '/apps/example/dynos/run.1/attach';

  it('carries binary input through, keeps stdout and stderr apart, and exits like the command', async () => {
    attachable();
    api.program(ATTACH, ({ type, payload }, send) => {
      if (type === 0) send(1, payload);
      if (type === 1) {
        send(2, 'complaint\n');
        send(3, '{"code":42}');
      }
    });
    const input = randomBytes(3_000_000);
    const result = await cli.run(['run', '-e', 'A=1;B=x=y', '--', 'cat', '-a', 'b c'], { env: env(), input });
    expect(result.code).toBe(42);
    expect(result.stderr).toBe('Running cat -a b c on example... up, run.1\ncomplaint\n');
    expect(result.stdoutBytes.equals(input)).toBe(true);
    expect(jsonBody('POST')).toEqual({
      attach: true,
      command: ['cat', '-a', 'b c'],
      env: { A: '1', B: 'x=y' },
      force_no_tty: true,
    });
  });

  it('takes one argument as a shell command line, and -a at the end', async () => {
    attachable();
    api.program(
      ATTACH,
      () => {},
      (send) => send(3, '{"code":0}'),
    );
    const result = await cli.run(['run', '-q', 'echo $HOME | wc', '-a', 'example'], {
      env: { ...env(), PAAS_APP: 'other' },
    });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(jsonBody('POST').command).toBe('echo $HOME | wc');
  });

  it('forwards signals', async () => {
    attachable();
    api.program(
      ATTACH,
      ({ type, payload }, send) => {
        if (type !== 3) return;
        send(1, payload);
        send(3, '{"code":143}');
      },
      (send) => send(1, 'ready '),
    );
    const result = await cli.run(['run', 'sleep'], {
      env: env(),
      during: (child) => child.stdout?.once('data', () => child.kill('SIGTERM')),
    });
    expect(result).toMatchObject({ code: 143, stdout: 'ready SIGTERM' });
  });

  it('says so when the connection breaks before the exit code', async () => {
    attachable();
    api.program(
      ATTACH,
      () => {},
      (_send, socket) => socket.end(),
    );
    const result = await paas('run', 'x');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('The connection to the dyno broke');
  });

  it('dies like a program of a pipe when the reader goes away', async () => {
    attachable();
    api.program(
      ATTACH,
      () => {},
      (send, socket) => {
        const more = () => socket.writable && send(1, 'y\n'.repeat(1000)) && setImmediate(more);
        more();
      },
    );
    const script = `"${process.execPath}" "${cli.main}" run -q yes | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script], {
      env: { ...process.env, HOME: cli.home, ...env() },
    });
    expect(stdout).toBe('y\n141\n');
  });

  it('gives a terminal: size, raw keys, and the terminal is put back', async () => {
    attachable();
    const sizes: string[] = [];
    api.program(
      ATTACH,
      ({ type, payload }, send) => {
        if (type === 2) sizes.push(payload.toString());
        if (type === 0 && payload.includes('x')) {
          send(1, `got ${payload.toString('hex')}\r\n`);
          send(3, '{"code":7}');
        }
      },
      (send) => send(1, 'prompt> '),
    );
    const script = `stty cols 91 rows 33; "${process.execPath}" "${cli.main}" run bash; echo "code=$?"; stty -a`;
    const child = spawn('script', ['-qec', `bash -c '${script}'`, '/dev/null'], {
      env: { ...process.env, HOME: cli.home, TERM: 'xterm', ...env() },
    });
    let out = '';
    child.stdout.on('data', (chunk) => {
      const before = out.includes('prompt> ');
      out += chunk;
      if (!before && out.includes('prompt> ')) child.stdin.write('\u0003x');
    });
    await once(child, 'close');
    expect(out).toContain('got 0378');
    expect(out).toContain('code=7');
    expect(out).toMatch(/ icanon/);
    expect(sizes).toEqual(['{"columns":91,"rows":33}']);
    expect(jsonBody('POST').env).toEqual({ TERM: 'xterm', COLUMNS: 91, LINES: 33 });
  });
});
