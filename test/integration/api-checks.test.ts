import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PaasError } from '../../src/errors.js';
import { type App, findAppFor } from '../../src/platform/apps.js';
import { recordIncident } from '../../src/platform/incidents.js';
import { createConfigRelease, createDeployRelease } from '../../src/platform/make-release.js';
import { startTestServer, type TestServer } from '../support/api-server.js';

let test: TestServer;
let app: App;
let owner: Awaited<ReturnType<TestServer['addAccount']>>;
let stranger: Awaited<ReturnType<TestServer['addAccount']>>;

beforeAll(async () => {
  test = await startTestServer();
  owner = await test.addAccount('owner@example.com');
  stranger = await test.addAccount('stranger@example.com');
  await test.server.inject({
    method: 'POST',
    url: '/apps',
    headers: owner.headers,
    payload: { name: 'abc' },
  });
  app = findAppFor(test.db, owner.account, 'abc');
  createConfigRelease(test.db, {
    app,
    by: owner.account,
    config: { DATABASE: 'postgres://u:hunter2@db/x', SMTP_PASS: 'mail' },
    description: 'Set DATABASE',
  });
  createDeployRelease(test.db, {
    app,
    by: owner.account,
    image: 'sha256:1',
    processTypes: { web: 'x', worker: 'y' },
    buildpacks: [],
    description: 'Deploy',
  });
});
afterAll(async () => {
  await test[Symbol.asyncDispose]();
});

async function ask(method: 'GET' | 'PATCH' | 'DELETE', url: string, payload?: object, as = owner) {
  const options = { method, url, headers: as.headers };
  const reply = await test.server.inject(payload === undefined ? options : { ...options, payload });
  return { status: reply.statusCode, body: reply.json() };
}

describe('checks', () => {
  it('are listed, set in part, and unset', async () => {
    const listed = await ask('GET', '/apps/abc/checks');
    expect(listed.status).toBe(200);
    expect(listed.body.map((check: Record<string, unknown>) => Object.values(check).slice(0, 4))).toEqual([
      ['web', 'startup', 'default', 'port'],
      ['web', 'liveness', 'default', 'port'],
      ['worker', 'startup', 'default', 'off'],
      ['worker', 'liveness', 'default', 'off'],
    ]);
    // The boot timeout, as times.
    expect(listed.body[0]).toMatchObject({ interval: 1, attempts: 60, timeout: 5 });
    const ready = { phase: 'startup', path: '/ready', interval: 10, attempts: 3 };
    expect((await ask('PATCH', '/apps/abc/checks/web', ready)).body[0]).toMatchObject({
      source: 'setting',
      interval: 10,
      attempts: 3,
    });
    expect((await ask('DELETE', '/apps/abc/checks/web')).body[0]).toMatchObject({ attempts: 60 });
    const set = await ask('PATCH', '/apps/abc/checks/web', {
      phase: 'liveness',
      path: '/health',
      status: '200-299',
      host: 'a.test',
      interval: 2.5,
      initial_delay: 30,
    });
    expect(set.body[1]).toEqual({
      process_type: 'web',
      phase: 'liveness',
      source: 'setting',
      kind: 'http',
      name: null,
      path: '/health',
      status: '200-299',
      headers: [{ name: 'Host', value: 'a.test' }],
      content: null,
      port: null,
      command: null,
      uptime: null,
      interval: 2.5,
      timeout: 5,
      attempts: 3,
      initial_delay: 30,
      warn: false,
    });
    expect(test.written.at(-1)?.text).toBe('Set liveness check of web to http by user owner@example.com');
    const unset = await ask('DELETE', '/apps/abc/checks/web?phase=liveness');
    expect(unset.body[1]).toMatchObject({ source: 'default', kind: 'port' });
  });

  it.each([
    ['web', { path: 'health' }, 422, /^path "health" must be a path such as \/health/],
    ['web', { path: 'http://10.0.0.1/' }, 422, /^path/],
    ['web', { path: '/', status: '2xx' }, 422, /^status "2xx" must be/],
    ['web', { path: '/', port: 0 }, 422, /^port "0" must be a port of the dyno, from 1 to 65535/],
    ['web', { path: '/', host: 'a\r\nX: y' }, 422, /^headers "Host"/],
    ['web', { interval: 0 }, 422, /^interval "0" must be a number of seconds from 1 to 3600/],
    ['web', { interval: '10' }, 400, /interval must be a number/],
    ['web', { attempts: 2.5 }, 422, /^attempts "2.5" must be a whole number/],
    ['web', { timeout: 1e9 }, 422, /^timeout/],
    ['web', { kind: 'tcp' }, 422, /kind/],
    ['web', { phase: 'readiness', path: '/' }, 422, /phase/],
    ['web', { command: [] }, 422, /^command must be/],
    ['web', { uptime: 5 }, 422, /startup only/],
    ['web', { pth: '/' }, 400, /pth/],
    ['wrker', { path: '/' }, 422, /abc has no process type "wrker"/],
    ['worker', { interval: 5 }, 422, /^worker has no check whose times could change: say what to ask/],
  ])('of %s refuse %j', async (type, payload, status, message) => {
    const reply = await ask('PATCH', `/apps/abc/checks/${type}`, payload);
    expect(reply.status).toBe(status);
    expect(reply.body.message).toMatch(message);
  });
});

describe('why', () => {
  it('explains, without secrets', async () => {
    recordIncident(test.db, {
      appId: app.id,
      dyno: 'web.1',
      releaseVersion: 3,
      kind: 'check-failed',
      message: 'No database at postgres://u:hunter2@db/x: u has not hunter2 nor mail',
      evidence: { body: 'postgres://u:hunter2@db/x', listening: ['0.0.0.0:5000'] },
    });
    for (const query of ['', '?dyno=web.1', '?release=v3']) {
      const { status, body } = await ask('GET', `/apps/abc/why${query}`);
      expect(status).toBe(200);
      expect(JSON.stringify(body)).not.toContain('hunter2');
      expect(body.incidents[0].message).toBe('No database at [hidden]: u has not [hidden] nor [hidden]');
      expect(body.incidents[0]).toMatchObject({
        evidence: { body: '[hidden]', listening: ['0.0.0.0:5000'] },
      });
    }
  });

  it('explains a dyno without its lines while no log collector runs', async () => {
    const away = () => Promise.reject(new PaasError('service_unavailable', 'The log collector is away.'));
    await using other = await startTestServer({
      logs: { write: () => undefined, read: away, tailBatches: async function* () {} },
    });
    const { headers } = await other.addAccount('owner@example.com');
    await other.server.inject({ method: 'POST', url: '/apps', headers, payload: { name: 'abc' } });
    const reply = await other.server.inject({ url: '/apps/abc/why?dyno=web.1', headers });
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toMatchObject({ explanations: [{ subject: 'web.1' }], log_lines: [] });
  });

  it.each([
    ['?dyno=web', 404],
    ['?dyno=run.1234', 404],
    ['?dyno=web.0', 404],
    ['?release=v99', 404],
    ['?release=v1;', 404],
    ['?dyno=web.1&release=v1', 400],
    ['?dino=web.1', 400],
  ])('refuses %s', async (query, status) => {
    expect((await ask('GET', `/apps/abc/why${query}`)).status).toBe(status);
  });

  it('and checks are for those who may see the app', async () => {
    for (const [method, url] of [
      ['GET', '/apps/abc/why'],
      ['GET', '/apps/abc/checks'],
      ['DELETE', '/apps/abc/checks/web'],
    ] as const) {
      expect((await ask(method, url, undefined, stranger)).status).toBe(404);
    }
    expect((await ask('PATCH', '/apps/abc/checks/web', { kind: 'off' }, stranger)).status).toBe(404);
  });
});
