// Bad input of every kind gets a clear refusal, and nobody gets in without credentials.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/api-server.js';

let test: TestServer;
let headers: { authorization: string };

beforeAll(async () => {
  test = await startTestServer();
  ({ headers } = await test.addAccount('owner@example.com'));
  const made = await test.server.inject({ method: 'POST', url: '/apps', headers, payload: { name: 'abc' } });
  expect(made.statusCode).toBe(201);
});
afterAll(() => test[Symbol.asyncDispose]());

describe('without credentials', () => {
  const OPEN = new Set([
    'GET /healthz',
    'GET /login',
    'POST /login',
    'DELETE /login',
    'POST /oauth/authorizations',
    // Signed addresses.
    'GET /logs/stream',
    'GET /sources/blob',
    'PUT /sources/blob',
    'GET /apps/:app/builds/:build/output',
    'GET /apps/:app/releases/:release/output',
  ]);

  it('refuses every route but the open ones', async () => {
    expect(test.server.routeList.length).toBeGreaterThan(60);
    for (const { method, url } of test.server.routeList) {
      const isGit = url.startsWith('/:repository/');
      const path = url.replace(/:\w+/g, 'abc').replace('*', 'x');
      const withToken = ['?token=', '?access_token='].map((query) => `${path}${query}x`);
      for (const address of isGit ? [`${path}?service=git-receive-pack`] : [path, ...withToken]) {
        // The method comes from the route itself.
        const reply = await test.server.inject({ method: method as 'GET', url: address });
        const isOpen = OPEN.has(`${method} ${url}`);
        expect([method, address, isOpen || reply.statusCode === 401]).toEqual([method, address, true]);
      }
    }
  });

  it('asks for credentials or a ticket on open routes that show something of an app', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    for (const url of [`/apps/abc/builds/${id}/output`, '/apps/abc/releases/v1/output']) {
      expect((await test.server.inject({ url })).statusCode).toBe(401);
      expect((await test.server.inject({ url: `${url}?ticket=x.y` })).statusCode).toBe(403);
    }
    for (const url of ['/logs/stream?ticket=a.b', '/sources/blob?ticket=a.b']) {
      expect((await test.server.inject({ url })).statusCode).toBe(403);
    }
  });

  it.each(['//apps', '/apps/', '/%61pps', '/apps%2Fabc', '/APPS', '/apps/../apps/abc'])(
    'does not answer %s',
    async (url) => {
      const reply = await test.server.inject({ url });
      expect([401, 404]).toContain(reply.statusCode);
    },
  );

  it('refuses a wrong token in every form', async () => {
    const basic = `Basic ${Buffer.from('x:wrong').toString('base64')}`;
    for (const authorization of ['Bearer wrong', basic, 'Bearer', 'Negotiate abc', 'Bearer a b', '']) {
      const reply = await test.server.inject({ url: '/apps', headers: { authorization } });
      expect(reply.statusCode).toBe(401);
      expect(reply.json()).toMatchObject({ id: 'unauthorized' });
    }
  });
});

describe('bodies', () => {
  const nested = `{"name":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}`;
  it.each([
    ['', 400, 'invalid_json'],
    ['{', 400, 'invalid_json'],
    ['[]', 400, 'invalid_json'],
    ['null', 400, 'invalid_json'],
    ['"x"', 400, 'invalid_json'],
    ['{"name":"abcd","nmae":1}', 400, 'unknown_field'],
    ['{"name":5}', 400, 'bad_request'],
    ['{"name":true}', 400, 'bad_request'],
    ['{"name":null}', 400, 'bad_request'],
    [`{"name":"${'x'.repeat(2_000_000)}"}`, 413, 'payload_too_large'],
    [nested, 400, 'invalid_json'],
    ['{"name":1e999}', 400, 'bad_request'],
    ['{"__proto__":{"name":"x"}}', 400, 'invalid_json'],
    ['{"constructor":{"prototype":{"a":1}}}', 400, 'invalid_json'],
    ['{"constructor":1}', 400, 'unknown_field'],
    ['{"name":""}', 422, 'invalid_app_name'],
    ['{"name":"a"}', 422, 'invalid_app_name'],
    ['{"name":"ab;touch"}', 422, 'invalid_app_name'],
    [`{"name":"${'a'.repeat(31)}"}`, 422, 'invalid_app_name'],
    ['{"name":"ab\\n"}', 422, 'invalid_app_name'],
    ['{"name":"abc"}', 409, 'conflict'],
  ])('POST /apps with %.40s', async (payload, status, id) => {
    const reply = await test.server.inject({
      method: 'POST',
      url: '/apps',
      headers: { ...headers, 'content-type': 'application/json' },
      payload,
    });
    expect([reply.statusCode, reply.json().id]).toEqual([status, id]);
    expect(reply.json().message.length).toBeGreaterThan(5);
  });

  it('names the unknown field', async () => {
    const reply = await test.server.inject({
      method: 'POST',
      url: '/apps',
      headers,
      payload: { name: 'abcd', nmae: 1 },
    });
    expect(reply.json().message).toContain('nmae');
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json\ta',
    'application/json; charset=utf-16',
    'application/jsonx',
    'multipart/form-data; boundary=x',
    'application/gzip',
  ])('does not read %s', async (type) => {
    const reply = await test.server.inject({
      method: 'POST',
      url: '/apps',
      headers: { ...headers, 'content-type': type },
      payload: '{"name":"abcd"}',
    });
    expect([reply.statusCode, reply.json().id]).toEqual([415, 'unsupported_media_type']);
  });

  it('takes any JSON type in UTF-8, and fields that Heroku clients send', async () => {
    for (const [index, type] of [
      'application/json; charset=UTF-8',
      'application/vnd.heroku+json; version=3',
    ].entries()) {
      const reply = await test.server.inject({
        method: 'POST',
        url: '/apps',
        headers: { ...headers, 'content-type': type },
        payload: JSON.stringify({
          name: `typed-${index}`,
          region: 'us',
          stack: 'heroku-24',
          feature_flags: '',
        }),
      });
      expect(reply.statusCode).toBe(201);
    }
  });

  it('takes a POST without a body, and a DELETE with one', async () => {
    const made = await test.server.inject({ method: 'POST', url: '/apps', headers });
    expect(made.statusCode).toBe(201);
    const gone = await test.server.inject({
      method: 'DELETE',
      url: `/apps/${made.json().id}`,
      headers,
      payload: { force: true },
    });
    expect(gone.statusCode).toBe(200);
  });

  it('refuses a config var that is no text without repeating the value', async () => {
    const reply = await test.server.inject({
      method: 'PATCH',
      url: '/apps/abc/config-vars',
      headers,
      payload: { SECRET: 1234567 },
    });
    expect(reply.statusCode).toBe(400);
    expect(reply.json().message).toContain('SECRET');
    expect(reply.body).not.toContain('1234567');
  });
});

describe('addresses', () => {
  it.each([
    ['/apps/a%00b', 400],
    ['/apps/..%2f..%2fetc', 404],
    ['/apps/%E0%A4%A', 400],
    [`/apps/${'x'.repeat(200)}`, 414],
    [`/apps/${'x'.repeat(2000)}`, 414],
    ['/apps/abc/releases/v0', 404],
    ['/apps/abc/releases/v-1', 404],
    ['/apps/abc/releases/v1%3B', 404],
    ['/apps?limit=-1', 400],
    ['/apps?cursor=../../', 400],
  ])('GET %s', async (url, status) => {
    const reply = await test.server.inject({ url, headers });
    expect(reply.statusCode).toBe(status);
    expect(reply.json()).toHaveProperty('message');
  });

  it.each([
    ['id a..b; max=99999999', 416],
    ['color ..; max=1', 416],
    ['id ..; max=0', 416],
    ['id ..; order=up', 416],
    ['', 200],
    ['bytes=0-', 200],
    ['id ..; max=1000;', 200],
  ])('Range: %s', async (range, status) => {
    const reply = await test.server.inject({ url: '/apps', headers: { ...headers, range } });
    expect(reply.statusCode).toBe(status);
  });
});

describe('scale', () => {
  beforeAll(async () => {
    const deploy = await test.server.inject({
      method: 'POST',
      url: '/apps/abc/builds',
      headers,
      payload: { image: 'x' },
    });
    expect(deploy.statusCode).toBe(201);
    await test.deploys.find(deploy.json().id)?.done;
  });

  it.each([
    [{ quantity: -1 }, 422],
    [{ quantity: 1.5 }, 422],
    [{ quantity: '1e3' }, 422],
    [{ quantity: 'NaN' }, 422],
    [{ quantity: '' }, 422],
    [{ quantity: 999999999999 }, 422],
    [{ quantity: '+1000' }, 422],
    [{ quantity: true }, 400],
    [{ size: '-1m' }, 422],
    [{ size: '512' }, 422],
    [{ size: '1t' }, 422],
    [{ quantity: 2, size: 'standard-2x' }, 200],
  ])('web with %j', async (update, status) => {
    const reply = await test.server.inject({
      method: 'PATCH',
      url: '/apps/abc/formation',
      headers,
      payload: { updates: [{ type: 'web', ...update }] },
    });
    expect(reply.statusCode).toBe(status);
  });

  it.each([
    [[{ type: 'nope', quantity: 1 }]],
    [
      [
        { type: 'web', quantity: 1 },
        { type: 'web', quantity: 2 },
      ],
    ],
  ])('updates %j', async (updates) => {
    const reply = await test.server.inject({
      method: 'PATCH',
      url: '/apps/abc/formation',
      headers,
      payload: { updates },
    });
    expect(reply.statusCode).toBe(422);
  });
});

describe('browsers', () => {
  it('refuses pages of other sites', async () => {
    for (const origin of ['https://evil.test', 'null', 'http://localhost:1']) {
      const reply = await test.server.inject({
        url: '/apps',
        headers: { ...headers, origin, host: 'localhost:8080' },
      });
      expect([reply.statusCode, reply.json().id]).toEqual([403, 'forbidden']);
    }
  });

  it('carries protective headers on every reply', async () => {
    for (const url of ['/healthz', '/apps', '/nothing/here']) {
      const reply = await test.server.inject({ url });
      expect(reply.headers['x-content-type-options']).toBe('nosniff');
      expect(reply.headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(reply.headers['cache-control']).toBe('no-store');
      expect(reply.headers['request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});
