// What belongs to others is not there: every route of the server, walked with the valid token of somebody who has nothing
// to do with the app. A new route is walked without anybody thinking of it, or fails here until it is named.
// Not among the routes: the upgrade that attaches a terminal, by an address that is given once (api.test.ts), and the files
// of the dashboard, which are everybody's.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findAppFor } from '../../src/platform/apps.js';
import { addCollaborator } from '../../src/platform/collaborators.js';
import { listReleases } from '../../src/platform/releases.js';
import { startTestServer, type TestServer } from '../support/api-server.js';

type Asker = Awaited<ReturnType<TestServer['addAccount']>>;
type Params = Readonly<Record<string, string>>;

let test: TestServer;
let owner: Asker;
let stranger: Asker;
/** What is in the path of routes of the owner's app. */
let params: Params;

/** A body that each route takes: with one that it refuses, nobody's rights are looked at. */
const BODIES: Readonly<Record<string, object>> = {
  'PATCH /apps/:app': { maintenance: true },
  'POST /apps/:app/builds': { image: 'registry/x:1' },
  'PUT /apps/:app/buildpack-installations': { updates: [] },
  'POST /apps/:app/checks/actions/run': {},
  'PATCH /apps/:app/checks/:type': { kind: 'off' },
  'POST /apps/:app/collaborators': { user: 'stranger@example.com' },
  'PATCH /apps/:app/config-vars': { A: 'b' },
  'POST /apps/:app/domains': { hostname: 'taken.example.com' },
  'PATCH /apps/:app/dyno-settings': { cycling: true },
  'POST /apps/:app/dynos': { command: 'id' },
  'PATCH /apps/:app/formation': { updates: [{ type: 'web', quantity: 0 }] },
  'PATCH /apps/:app/formation/:type': { quantity: 0 },
  'PATCH /apps/:app/formation/:type/autoscale': { max: 5, metric: 'cpu', target: 50 },
  'PATCH /apps/:app/formation/:type/autosleep': { after_seconds: 60 },
  'POST /apps/:app/log-sessions': { tail: false },
  'POST /apps/:app/releases': { release: 'v2' },
};

/** Routes that have no app in their path, and who may use them. */
const WITHOUT_APP: Readonly<Record<string, string>> = {
  'GET /healthz': 'anybody: says that the server is up, and its version',
  'GET /login': 'whose cookie it is',
  'POST /login': 'anybody with a password',
  'DELETE /login': 'whose cookie it is',
  'GET /account': 'whose token it is',
  'GET /users/~': 'whose token it is',
  'GET /users/~/apps': 'lists the apps of who asks',
  'GET /account/keys': 'an empty list',
  'GET /account/features': 'an empty list',
  'GET /addons': 'an empty list',
  'GET /addon-attachments': 'an empty list',
  'GET /teams': 'an empty list',
  'GET /pipelines': 'an empty list',
  'GET /stacks': 'the same for all',
  'GET /regions': 'the same for all',
  'GET /apps': 'lists the apps of who asks (api.test.ts)',
  'POST /apps': 'makes one for who asks',
  'GET /oauth/authorizations': 'lists those of who asks',
  'POST /oauth/authorizations': 'makes one for who asks',
  'GET /oauth/authorizations/:authorization': 'walked below',
  'DELETE /oauth/authorizations/:authorization': 'walked below',
  'DELETE /oauth/sessions/~': 'always 404',
  'POST /sources': 'an address for an upload that no app has yet',
  'GET /doctor': 'administrators: walked below',
  'GET /metrics': 'administrators: walked below',
  'GET /logs/stream': 'who has a signed address; only who may see the app gets one',
  'GET /sources/blob': 'who has a signed address',
  'PUT /sources/blob': 'who has a signed address',
};

/** What a path names beside the app that is no object of its own: it exists in everybody's app. */
const SHARED_NAMES = new Set(['app', 'repository', 'type', 'dyno']);

beforeAll(async () => {
  test = await startTestServer();
  owner = await test.addAccount('owner@example.com');
  stranger = await test.addAccount('stranger@example.com');
  const friend = await test.addAccount('friend@example.com');
  const build = await makeApp(owner, 'abc');
  await makeApp(stranger, 'mine');
  await make(owner, '/apps/abc/domains', { hostname: 'www.example.com' });
  const app = findAppFor(test.db, owner.account, 'abc');
  addCollaborator(test.db, { app, email: friend.account.email });
  params = {
    app: 'abc',
    repository: 'abc.git',
    build,
    release: listReleases(test.db, app.id)[0]?.id ?? '',
    hostname: 'www.example.com',
    user: friend.account.email,
    type: 'web',
    dyno: 'web.1',
  };
});
afterAll(async () => {
  await test[Symbol.asyncDispose]();
});

async function make(by: Asker, url: string, payload: object): Promise<{ id: string }> {
  const reply = await test.server.inject({ method: 'POST', url, headers: by.headers, payload });
  expect([url, reply.statusCode]).toEqual([url, 201]);
  return reply.json();
}

/** An app with code; gives the id of its build. */
async function makeApp(by: Asker, name: string): Promise<string> {
  await make(by, '/apps', { name });
  const { id } = await make(by, `/apps/${name}/builds`, { image: 'registry/x:1' });
  await test.deploys.find(id)?.done;
  return id;
}

async function ask(by: Asker, route: { method: string; url: string }, filled: Params) {
  const path = route.url.replace(/:(\w+)/g, (_, name: string) => {
    const value = filled[name];
    if (value === undefined) throw new Error(`${route.url}: say in this test what :${name} is`);
    return encodeURIComponent(value);
  });
  const [, service] = /^\/:repository\/(git-\w+-pack)$/.exec(route.url) ?? [];
  const payload = BODIES[`${route.method} ${route.url}`];
  return await test.server.inject({
    // The method comes from the route itself.
    method: route.method as 'GET',
    url: path.endsWith('/info/refs') ? `${path}?service=git-upload-pack` : path,
    headers: {
      ...by.headers,
      ...(service !== undefined && { 'content-type': `application/x-${service}-request` }),
    },
    ...(payload !== undefined && { payload }),
  });
}

const nameOf = ({ method, url }: { method: string; url: string }) => `${method} ${url}`;
const paramsOf = (url: string) => [...url.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
const ofApps = () =>
  test.server.routeList.filter(({ url }) => url.includes('/:app') || url.startsWith('/:repository/'));

describe('a stranger', () => {
  it('finds every route either with an app in its path or named here', () => {
    const walked = new Set(ofApps().map(nameOf));
    const others = test.server.routeList.map(nameOf).filter((route) => !walked.has(route));
    expect(others.sort()).toEqual(Object.keys(WITHOUT_APP).sort());
    expect(walked.size).toBeGreaterThan(60);
    expect(Object.keys(BODIES).filter((route) => !walked.has(route))).toEqual([]);
  });

  it("gets 404 from every route of somebody else's app, and changes nothing", async () => {
    const before = { lines: test.written.length, app: await stateOfApp() };
    for (const route of ofApps()) {
      const reply = await ask(stranger, route, params);
      // Of the app itself: what is under it is not even looked for.
      expect([nameOf(route), reply.statusCode, reply.body]).toEqual([
        nameOf(route),
        404,
        expect.stringContaining("Couldn't find that app."),
      ]);
    }
    expect({ lines: test.written.length, app: await stateOfApp() }).toEqual(before);
  });

  it("gets 404 for what belongs to somebody else's app under an app of their own", async () => {
    const before = await stateOfApp();
    const nested = ofApps().filter(({ url }) => paramsOf(url).some((name) => !SHARED_NAMES.has(name)));
    expect(nested.length).toBeGreaterThan(8);
    for (const route of nested) {
      const reply = await ask(stranger, route, { ...params, app: 'mine' });
      expect([nameOf(route), reply.statusCode]).toEqual([nameOf(route), 404]);
      const wrong = expect.stringContaining("Couldn't find that app.");
      expect([nameOf(route), reply.body]).not.toEqual([nameOf(route), wrong]);
    }
    expect(await stateOfApp()).toEqual(before);
  });

  it("gets nothing of somebody else's authorizations, and nothing of the server", async () => {
    const { id } = await make(owner, '/oauth/authorizations', { description: 'mine' });
    for (const method of ['GET', 'DELETE']) {
      const route = { method, url: '/oauth/authorizations/:authorization' };
      expect((await ask(stranger, route, { authorization: id })).statusCode).toBe(404);
    }
    expect((await ask(owner, { method: 'GET', url: `/oauth/authorizations/${id}` }, {})).statusCode).toBe(
      200,
    );
    for (const url of ['/doctor', '/metrics']) {
      expect((await ask(stranger, { method: 'GET', url }, {})).statusCode).toBe(403);
    }
  });
});

/** What the owner reads of the app that the stranger asks for. */
async function stateOfApp(): Promise<unknown[]> {
  const own = ['', '/builds', '/collaborators', '/config-vars', '/domains', '/dyno-settings', '/formation'];
  const more = ['/releases', '/checks', '/buildpack-installations'];
  return await Promise.all(
    [...own, ...more].map(async (path) => {
      const reply = await ask(owner, { method: 'GET', url: `/apps/abc${path}` }, {});
      expect([path, Math.floor(reply.statusCode / 100)]).toEqual([path, 2]);
      // Addresses are signed for some minutes.
      return reply.body.replace(/ticket=[^"]*/g, '');
    }),
  );
}
