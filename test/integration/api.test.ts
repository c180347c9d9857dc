// The API on a real database: what its clients rely on, and that nobody sees what belongs to others.

import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerDeps } from '../../src/api/server.js';
import type { OneOff, OneOffRequest } from '../../src/dynos/one-off.js';
import type { TailEvent } from '../../src/logs/client.js';
import { findAppFor } from '../../src/platform/apps.js';
import { addCollaborator, removeCollaborator } from '../../src/platform/collaborators.js';
import { addDomain } from '../../src/platform/domains.js';
import { createFrameDecoder, encodeFrame, type Frame } from '../../src/schemas/run-frames.js';
import { createDiskSpace } from '../../src/upkeep/disk-space.js';
import { logLine, PASSWORD, startTestServer, type TestServer, until } from '../support/api-server.js';

let test: TestServer;
let headers: { authorization: string };
let owner: Awaited<ReturnType<TestServer['addAccount']>>;

async function begin(overrides: Partial<ServerDeps> = {}) {
  test = await startTestServer(overrides);
  owner = await test.addAccount('owner@example.com');
  ({ headers } = owner);
  expect((await send('POST', '/apps', { name: 'abc' })).status).toBe(201);
}

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

async function send(method: Method, url: string, payload?: object, more: Record<string, string> = {}) {
  const reply = await test.server.inject({
    method,
    url,
    headers: { ...headers, ...more },
    ...(payload !== undefined && { payload }),
  });
  const isJson = String(reply.headers['content-type']).includes('json');
  return { status: reply.statusCode, body: isJson ? reply.json() : reply.body, headers: reply.headers };
}

async function deploy(app = 'abc') {
  const { body } = await send('POST', `/apps/${app}/builds`, { image: 'registry/x:1' });
  await test.deploys.find(body.id)?.done;
  return body;
}

const pathOf = (url: string) => url.replace('http://localhost:8080', '');

beforeEach(() => begin());
afterEach(() => test[Symbol.asyncDispose]());

describe('apps, config vars and releases', () => {
  it('tells what an app is', async () => {
    const { body } = await send('GET', '/apps/abc');
    expect(body).toMatchObject({
      name: 'abc',
      web_url: 'http://abc.localhost:8080/',
      git_url: 'http://localhost:8080/abc.git',
      generation: { name: 'cedar' },
      repo_size: null,
      owner: { email: 'owner@example.com' },
    });
    expect((await send('GET', `/apps/${body.id}`)).body.name).toBe('abc');
  });

  it('makes one release of all changes of a call, and says so in the log', async () => {
    const set = await send('PATCH', '/apps/abc/config-vars', { FOO: 'a', BAR: 'b' });
    expect(set.body).toEqual({ BAR: 'b', FOO: 'a' });
    await send('PATCH', '/apps/abc/config-vars', { FOO: null });
    const range = { range: 'version ..; order=desc,max=1' };
    const newest = await send('GET', '/apps/abc/releases', undefined, range);
    expect(newest.body).toHaveLength(1);
    expect(newest.status).toBe(206);
    expect(newest.headers['next-range']).toBe('version ]3..; max=1, order=desc');
    expect(newest.body[0]).toMatchObject({
      version: 3,
      description: 'Remove FOO config vars',
      current: true,
    });
    const next = await send('GET', '/apps/abc/releases', undefined, {
      range: String(newest.headers['next-range']),
    });
    expect(next.body[0].version).toBe(2);
    expect((await send('GET', '/apps/abc/releases/v2/config-vars')).body).toEqual({ BAR: 'b', FOO: 'a' });
    const texts = test.written.map(({ source, process, text }) => `${source}[${process}]: ${text}`);
    expect(texts).toContain('app[api]: Set FOO, BAR config vars by user owner@example.com');
    expect(texts).toContain('app[api]: Release v3 created by user owner@example.com');
    expect(JSON.stringify(texts)).not.toContain('"a"');
  });

  it("rolls back, but not to what never ran, what is current or what is another app's", async () => {
    await deploy();
    await deploy();
    const releases = await send('GET', '/apps/abc/releases', undefined, { range: 'version ..; order=desc' });
    const [current, previous, first] = releases.body;
    expect((await send('POST', '/apps/abc/releases', { release: current.id })).status).toBe(422);
    expect((await send('POST', '/apps/abc/releases', { release: first.id })).status).toBe(422);
    for (const release of ['v0', 'v-1', 'v999', 'v1;']) {
      expect((await send('POST', '/apps/abc/releases', { release })).status).toBe(404);
    }
    await send('POST', '/apps', { name: 'other' });
    expect((await send('POST', '/apps/other/releases', { release: previous.id })).status).toBe(404);
    const back = await send('POST', '/apps/abc/releases', { release: previous.id });
    expect(back.body).toMatchObject({ version: 4, description: 'Rollback to v2' });
  });

  it('scales by what Heroku clients send', async () => {
    await deploy();
    const updates = [{ type: 'web', quantity: '+1', size: 'Standard-2X' }];
    const { body } = await send('PATCH', '/apps/abc/formation', { updates });
    expect(body[0]).toMatchObject({ type: 'web', quantity: 2, size: '1G' });
    expect(body[1]).toMatchObject({ type: 'worker', quantity: 0 });
    expect(test.written.at(-1)?.text).toBe('Scaled to web@2:1G by user owner@example.com');
    expect((await send('DELETE', '/apps/abc/formations/web')).status).toBe(202);
    expect((await send('POST', '/apps/abc/dynos/web.1/actions/stop')).status).toBe(202);
    expect((await send('DELETE', '/apps/abc/dynos/web.9')).status).toBe(404);
  });

  it("lists the platform's domain and added ones", async () => {
    expect((await send('POST', '/apps/abc/domains', { hostname: 'www.example.com' })).status).toBe(201);
    const { body } = await send('GET', '/apps/abc/domains', undefined, { range: 'id ..; max=1000;' });
    expect(body.map(({ kind }: { kind: string }) => kind).sort()).toEqual(['custom', 'heroku']);
    for (const hostname of ['*.example.com', 'a.localhost', 'http://a.test', 'a.test\n', '$HOME', 'a;b']) {
      expect((await send('POST', '/apps/abc/domains', { hostname })).status).toBe(422);
    }
    expect((await send('DELETE', '/apps/abc/domains/WWW.example.com')).status).toBe(200);
  });

  it("says where a domain leads that is another's, and gives nobody such a name", async () => {
    const app = findAppFor(test.db, owner.account, 'abc');
    const before = { platformDomain: 'before.test', platformHost: 'before.test' };
    await send('POST', '/apps', { name: 'second' });
    for (const hostname of ['second.localhost', 'wanted.localhost'])
      addDomain(test.db, { app, hostname, ...before });
    const { body } = await send('GET', '/apps/abc/domains');
    const told = body.map((domain: Record<string, unknown>) => [domain['hostname'], domain['shadowed_by']]);
    expect(told).toEqual(
      expect.arrayContaining([
        ['abc.localhost', null],
        ['second.localhost', 'app second'],
        ['wanted.localhost', null],
      ]),
    );
    expect((await send('GET', '/apps/abc/domains/second.localhost')).body.status).toBe('failed');
    expect((await send('POST', '/apps', { name: 'wanted' })).status).toBe(409);
    expect((await send('PATCH', '/apps/second', { name: 'wanted' })).status).toBe(409);
    expect((await send('PATCH', '/apps/abc', { name: 'wanted' })).status).toBe(200);
  });
});

describe('what belongs to others', () => {
  it('is not found, by any id, in any place', async () => {
    const build = await deploy();
    await send('POST', '/apps/abc/domains', { hostname: 'www.example.com' });
    const stranger = await test.addAccount('stranger@example.com');
    headers = stranger.headers;
    await send('POST', '/apps', { name: 'mine' });
    for (const path of [
      '',
      '/config-vars',
      '/releases',
      '/releases/v1',
      '/formation',
      '/dynos',
      '/builds',
      '/domains',
      '/collaborators',
      '/addons',
      '/features',
    ]) {
      expect([path, (await send('GET', `/apps/abc${path}`)).status]).toEqual([path, 404]);
    }
    expect((await send('GET', `/apps/mine/builds/${build.id}`)).status).toBe(404);
    expect((await send('GET', `/apps/mine/builds/${build.id}/output`)).status).toBe(404);
    expect((await send('DELETE', `/apps/mine/builds/${build.id}`)).status).toBe(404);
    expect((await send('DELETE', '/apps/mine/domains/www.example.com')).status).toBe(404);
    expect((await send('POST', '/apps/mine/domains', { hostname: 'WWW.example.com' })).status).toBe(409);
    expect((await send('PATCH', '/apps/abc', { maintenance: true })).status).toBe(404);
    expect((await send('DELETE', '/apps/abc')).status).toBe(404);
    expect((await send('POST', '/apps/abc/log-sessions', {})).status).toBe(404);
    expect((await send('GET', '/apps')).body.map(({ name }: { name: string }) => name)).toEqual(['mine']);
  });

  it('is open to collaborators, but only the owner lets them in or destroys', async () => {
    const friend = await test.addAccount('friend@example.com');
    expect((await send('POST', '/apps/abc/collaborators', { user: 'nobody@example.com' })).status).toBe(422);
    expect((await send('POST', '/apps/abc/collaborators', { user: 'friend@example.com' })).status).toBe(201);
    headers = friend.headers;
    expect((await send('PATCH', '/apps/abc/config-vars', { A: 'b' })).status).toBe(200);
    expect((await send('POST', '/apps/abc/collaborators', { user: 'x@example.com' })).status).toBe(403);
    expect((await send('DELETE', '/apps/abc')).status).toBe(403);
    expect((await send('DELETE', '/apps/abc/collaborators/friend@example.com')).status).toBe(200);
    expect((await send('GET', '/apps/abc')).status).toBe(404);
  });
});

describe('signing in', () => {
  it('gives the dashboard a cookie whose writes need its token', async () => {
    const login = await test.server.inject({
      method: 'POST',
      url: '/login',
      payload: { email: 'owner@example.com', password: PASSWORD },
    });
    expect(login.statusCode).toBe(201);
    const set = String(login.headers['set-cookie']);
    expect(set).toMatch(/HttpOnly/);
    expect(set).toMatch(/SameSite=Strict/);
    const cookie = set.split(';')[0] ?? '';
    expect((await test.server.inject({ url: '/login', headers: { cookie } })).json()).toEqual(login.json());
    const write = (more: Record<string, string>) =>
      test.server.inject({
        method: 'PATCH',
        url: '/apps/abc',
        headers: { cookie, ...more },
        payload: { maintenance: true },
      });
    expect((await write({})).statusCode).toBe(403);
    expect((await write({ 'x-csrf-token': 'x' })).statusCode).toBe(403);
    expect((await write({ 'x-csrf-token': login.json().csrf })).statusCode).toBe(200);
    const out = await test.server.inject({
      method: 'DELETE',
      url: '/login',
      headers: { cookie, 'x-csrf-token': login.json().csrf },
    });
    expect(out.statusCode).toBe(200);
    expect((await test.server.inject({ url: '/apps', headers: { cookie } })).statusCode).toBe(401);
  });

  it('slows down guessing, for known and unknown accounts, and forgives after a while', async () => {
    const attempt = (password: string) =>
      test.server.inject({
        method: 'POST',
        url: '/login',
        payload: { email: 'owner@example.com', password },
      });
    const replies = await Promise.all(Array.from({ length: 20 }, () => attempt('wrong')));
    const codes = replies.map((reply) => reply.statusCode);
    expect(codes.filter((code) => code === 401)).toHaveLength(10);
    expect(codes.filter((code) => code === 429)).toHaveLength(10);
    const refused = await attempt(PASSWORD);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    test.clock.aheadMs = 61_000;
    expect((await attempt(PASSWORD)).statusCode).toBe(201);
  });

  it('makes tokens by password, and revokes them', async () => {
    const basic = (password: string) =>
      `Basic ${Buffer.from(`owner@example.com:${password}`).toString('base64')}`;
    headers = { authorization: basic('wrong') };
    expect((await send('POST', '/oauth/authorizations', {})).status).toBe(401);
    headers = { authorization: basic(PASSWORD) };
    const made = await send('POST', '/oauth/authorizations', {
      description: 'x',
      expires_in: 2592000,
      scope: ['global'],
    });
    expect(made.status).toBe(201);
    headers = { authorization: `Bearer ${made.body.access_token.token}` };
    expect((await send('GET', '/account')).body.email).toBe('owner@example.com');
    expect((await send('GET', '/oauth/authorizations/~')).body.description).toBe('x');
    expect(JSON.stringify((await send('GET', '/oauth/authorizations')).body)).not.toContain(
      made.body.access_token.token,
    );
    expect((await send('DELETE', `/oauth/authorizations/${made.body.id}`)).status).toBe(200);
    expect((await send('GET', '/account')).status).toBe(401);
  });
});

describe('builds', () => {
  it('takes an archive in one step, and removes it after the build', async () => {
    let seen = '';
    test.deploys.script = async function* ({ source }) {
      if (source.kind === 'archive') seen = readFileSync(source.path, 'utf8');
      yield '-----> Built\n';
      return 'released';
    };
    const made = await test.server.inject({
      method: 'POST',
      url: '/apps/abc/builds',
      headers: { ...headers, 'content-type': 'application/gzip' },
      payload: Buffer.from('an archive'),
    });
    expect(made.statusCode).toBe(201);
    expect(made.json()).toMatchObject({ status: 'queued', release: null, attempts: 0 });
    const output = await test.server.inject({ url: pathOf(made.json().output_stream_url) });
    expect(output.body).toContain('-----> Built\n-----> Launching...\n');
    expect(seen).toBe('an archive');
    await until('the upload is gone', () => readdirSync(join(test.directory, 'uploads')).length === 0);
    const { body } = await send('GET', `/apps/abc/builds/${made.json().id}`);
    expect(body).toMatchObject({ status: 'succeeded', release: { version: 2 } });
  });

  it('refuses an archive that is too large, and keeps nothing of it', async () => {
    const reply = await test.server.inject({
      method: 'POST',
      url: '/apps/abc/builds',
      headers: { ...headers, 'content-type': 'application/gzip' },
      payload: Buffer.alloc(5 * 1024 ** 2),
    });
    expect([reply.statusCode, reply.json().id]).toEqual([413, 'payload_too_large']);
    expect(readdirSync(join(test.directory, 'uploads'))).toEqual([]);
  });

  it('builds from a source that was put to its own address', async () => {
    const source = await send('POST', '/sources');
    const { put_url: putUrl, get_url: url } = source.body.source_blob;
    const put = () => test.server.inject({ method: 'PUT', url: pathOf(putUrl), payload: Buffer.from('tar') });
    expect((await put()).statusCode).toBe(200);
    expect((await put()).statusCode).toBe(409);
    expect((await test.server.inject({ url: pathOf(url) })).body).toBe('tar');
    const build = await send('POST', '/apps/abc/builds', { source_blob: { url, version: 'v1' } });
    expect(build.status).toBe(201);
    const wrong = await send('POST', '/apps/abc/builds', { source_blob: { url, checksum: 'SHA256:00' } });
    expect(wrong.status).toBe(422);
    const elsewhere = { source_blob: { url: 'http://169.254.169.254/x.tgz' } };
    expect((await send('POST', '/apps/abc/builds', elsewhere)).status).toBe(422);
    const stranger = await test.addAccount('stranger@example.com');
    headers = stranger.headers;
    await send('POST', '/apps', { name: 'mine' });
    expect((await send('POST', '/apps/mine/builds', { source_blob: { url } })).status).toBe(404);
  });

  it('takes no source when the disk is low, and at most 20 of an account', async () => {
    const put = async () => {
      const { put_url: url } = (await send('POST', '/sources')).body.source_blob;
      return await test.server.inject({ method: 'PUT', url: pathOf(url), payload: Buffer.from('tar') });
    };
    const all = [];
    for (let count = 0; count < 21; count += 1) all.push(put());
    const statuses = (await Promise.all(all)).map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(20);
    for (let tries = 0; tries < 30 && (await put()).statusCode === 200; tries += 1);
    const kept = readdirSync(join(test.directory, 'uploads'));
    expect(kept.filter((name) => name.startsWith('source-'))).toHaveLength(20);
    const refused = (await put()).json();
    expect([refused.id, refused.message]).toEqual([
      'rate_limit',
      expect.stringContaining('20 uploaded sources'),
    ]);
    await test[Symbol.asyncDispose]();
    const { requireSpace } = createDiskSpace({
      dataDir: tmpdir(),
      engine: { info: () => Promise.reject(new Error('no engine in this test')) },
      floor: { bytes: 2 ** 60 },
    });
    await begin({
      upkeep: {
        requireSpace,
        requireImage: async () => undefined,
        examine: async () => [],
        metrics: async () => '',
      },
    });
    const full = await put();
    expect([full.statusCode, full.json().id]).toEqual([507, 'storage_full']);
    expect(readdirSync(join(test.directory, 'uploads'))).toEqual([]);
  });

  it('cancels one that runs', async () => {
    test.deploys.script = async function* ({ signal }) {
      yield 'slow\n';
      await once(signal, 'abort');
      return 'released';
    };
    const { body } = await send('POST', '/apps/abc/builds', { image: 'x' });
    expect((await send('DELETE', `/apps/abc/builds/${body.id}`)).body.status).toBe('canceled');
    expect((await send('DELETE', `/apps/abc/builds/${body.id}`)).status).toBe(409);
  });
});

describe('logs', () => {
  it('sends what is there and ends', async () => {
    await test[Symbol.asyncDispose]();
    const lines = [logLine(7, 'one'), logLine(8, 'two\r\nid: 99')];
    await begin({
      logs: {
        write: () => undefined,
        read: async () => lines,
        tailBatches: () => endless(new AbortController().signal),
      },
    });
    const session = await send('POST', '/apps/abc/log-sessions', { lines: 2, dyno: 'web', source: 'app' });
    const reply = await test.server.inject({ url: pathOf(session.body.logplex_url) });
    expect(reply.headers['content-type']).toContain('text/event-stream');
    expect(reply.body.startsWith('retry: 1\n\n')).toBe(true);
    expect(reply.body).toContain('id: 7\ndata: ');
    expect(reply.body).not.toMatch(/^id: 99/m);
    const forged = pathOf(session.body.logplex_url).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    expect([403, 200]).toContain((await test.server.inject({ url: forged })).statusCode);
    test.clock.aheadMs = 25 * 3600 * 1000;
    expect((await test.server.inject({ url: pathOf(session.body.logplex_url) })).statusCode).toBe(403);
  });

  it('follows, goes on after the last id, and ends when access is lost', async () => {
    await test[Symbol.asyncDispose]();
    const asked: { afterSeq?: number | undefined; signal: AbortSignal }[] = [];
    await begin({
      logs: {
        write: () => undefined,
        read: async () => [],
        tailBatches: (options) => {
          asked.push(options);
          return endless(options.signal);
        },
      },
    });
    const friend = await test.addAccount('friend@example.com');
    const app = findAppFor(test.db, owner.account, 'abc');
    addCollaborator(test.db, { app, email: 'friend@example.com' });
    headers = friend.headers;
    const session = await send('POST', '/apps/abc/log-sessions', { tail: true });
    const origin = await test.listen();
    const reply = await fetch(`${origin}${pathOf(session.body.logplex_url)}`, {
      headers: { 'last-event-id': '41' },
    });
    const reading = reply.text();
    await until('it is followed', () => asked.length === 1);
    expect(asked[0]?.afterSeq).toBe(41);
    removeCollaborator(test.db, { app, user: 'friend@example.com' });
    expect(await reading).toContain('data: {"count":3}');
    expect(asked[0]?.signal.aborted).toBe(true);
  });

  async function* endless(signal: AbortSignal): AsyncGenerator<readonly TailEvent[]> {
    yield [
      { kind: 'line', line: logLine(1, 'first') },
      { kind: 'dropped', count: 3, sinceUs: 0 },
    ];
    if (!signal.aborted) await once(signal, 'abort');
  }
});

describe('one-off dynos', () => {
  function fakeOneOff(request: OneOffRequest) {
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    let end: (value: { exitCode: number }) => void = () => undefined;
    const ended = new Promise<{ exitCode: number }>((resolve) => {
      end = resolve;
    });
    const calls: string[] = [];
    const oneOff: OneOff = {
      dyno: {
        name: 'run.1234',
        type: 'run',
        number: 1234,
        state: 'starting',
        releaseVersion: 1,
        releaseId: undefined,
        command: 'cat',
        size: '512M',
        updatedAt: 0,
        containerId: undefined,
        ip: undefined,
      },
      attachment: request.attach ? { stdin, stdout, stderr, close: () => undefined } : undefined,
      start: async () => void calls.push('start'),
      resize: async ({ columns, rows }) => void calls.push(`resize ${columns}x${rows}`),
      signal: async (name) => void calls.push(name),
      wait: () => ended,
      stop: async () => {
        calls.push('stop');
        stdout.end();
        stderr.end();
        end({ exitCode: 129 });
      },
    };
    return { oneOff, stdin, stdout, stderr, end, calls };
  }

  async function attach(url: string): Promise<{ socket: Duplex; frames: Frame[] }> {
    const origin = await test.listen();
    const outgoing = httpRequest(`${origin}${pathOf(url)}`, {
      headers: { connection: 'Upgrade', upgrade: 'paas-run/1' },
    });
    outgoing.end();
    const [reply, socket] = (await once(outgoing, 'upgrade')) as [{ statusCode: number }, Duplex];
    expect(reply.statusCode).toBe(101);
    const decode = createFrameDecoder({ maxPayloadBytes: 1024 ** 2 });
    const frames: Frame[] = [];
    socket.on('data', (chunk: Buffer) => frames.push(...decode(chunk)));
    return { socket, frames };
  }

  let fake: ReturnType<typeof fakeOneOff>;
  beforeEach(async () => {
    await test[Symbol.asyncDispose]();
    await begin({
      oneOffs: {
        create: async (request) => {
          fake = fakeOneOff(request);
          return fake.oneOff;
        },
        kill: async () => undefined,
      },
    });
  });

  it('carries the streams both ways, and the exit code', async () => {
    const env = { TERM: 'xterm', COLUMNS: 80, LINES: 24 };
    const made = await send('POST', '/apps/abc/dynos', { command: 'cat', attach: true, env });
    expect(made.status).toBe(201);
    expect(fake.calls).toEqual([]);
    const { socket, frames } = await attach(made.body.attach_url);
    await until('it runs', () => fake.calls.includes('resize 80x24'));
    socket.write(encodeFrame(0, Buffer.from('hello')));
    socket.write(encodeFrame(2, Buffer.from('{"columns":100,"rows":40}')));
    socket.write(encodeFrame(3, Buffer.from('INT')));
    socket.write(encodeFrame(1, Buffer.alloc(0)));
    await until('input came', () => fake.stdin.readableLength === 5 && fake.calls.includes('SIGINT'));
    expect(fake.calls).toEqual(['start', 'resize 80x24', 'resize 100x40', 'SIGINT']);
    fake.stdout.end('out');
    fake.stderr.end('err');
    fake.end({ exitCode: 3 });
    await once(socket, 'end');
    expect(frames.map(({ type, payload }) => [type, String(payload)]).sort()).toEqual([
      [1, 'out'],
      [2, 'err'],
      [3, '{"code":3}'],
    ]);
    expect(fake.calls).not.toContain('stop');
  });

  it('ends with its client, and its address is good once', async () => {
    const made = await send('POST', '/apps/abc/dynos', { command: ['sh', '-c', 'x'], attach: true });
    const { socket } = await attach(made.body.attach_url);
    await until('it runs', () => fake.calls.includes('start'));
    socket.destroy();
    await until('it is stopped', () => fake.calls.includes('stop'));
    const address = test.server.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const again = httpRequest(`http://127.0.0.1:${port}${pathOf(made.body.attach_url)}`, {
      headers: { connection: 'Upgrade', upgrade: 'paas-run/1' },
    });
    again.end();
    const [reply] = (await once(again, 'response')) as [{ statusCode: number }];
    expect(reply.statusCode).toBe(404);
  });

  it('does not keep the server from its end', async () => {
    const made = await send('POST', '/apps/abc/dynos', { command: 'cat', attach: true });
    const { socket } = await attach(made.body.attach_url);
    await until('it runs', () => fake.calls.includes('start'));
    const closed = test.server.close().then(() => 'closed');
    const late = new Promise((resolve) => setTimeout(resolve, 5000, 'waits for the client'));
    expect(await Promise.race([closed, late])).toBe('closed');
    await until('it is stopped', () => fake.calls.includes('stop'));
    socket.destroy();
  });
});

describe('the dashboard', () => {
  it('serves its page and its assets', async () => {
    const directory = join(test.directory, 'web');
    mkdirSync(join(directory, 'assets'), { recursive: true });
    writeFileSync(join(directory, 'index.html'), '<!doctype html>');
    writeFileSync(join(directory, 'assets', 'a-123.js'), 'x');
    const other = await startTestServer({
      settings: {
        signingKey: Buffer.alloc(32, 2),
        uploadsDirectory: join(directory, 'uploads'),
        maxSourceBytes: 1000,
        dashboardDirectory: directory,
        dynoDefaults: { rollbackWindowMs: 0, stopGraceMs: 0, bootTimeoutMs: 0 },
        version: 'x',
      },
    });
    try {
      for (const url of ['/', '/dashboard', '/dashboard/apps/abc']) {
        const reply = await other.server.inject({ url });
        expect([reply.statusCode, reply.body, reply.headers['cache-control']]).toEqual([
          200,
          '<!doctype html>',
          'no-cache',
        ]);
      }
      const asset = await other.server.inject({ url: '/assets/a-123.js' });
      expect(asset.headers['cache-control']).toContain('immutable');
      expect((await other.server.inject({ url: '/assets/..%2f..%2fpaas.sqlite' })).statusCode).toBe(404);
      expect(existsSync(join(test.directory, 'paas.sqlite'))).toBe(true);
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });
});
