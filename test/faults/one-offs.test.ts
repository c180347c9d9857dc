// One-off dynos over a restart of the engine: what ran on is followed to its end, and what lost its client ends.

import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createOneOffs, type OneOffs } from '../../src/dynos/one-off.js';
import { createSeenContainers } from '../../src/dynos/seen-containers.js';
import { createDockerEngine } from '../../src/engine/docker.js';
import type { Engine } from '../../src/engine/engine.js';
import { findAppFor } from '../../src/platform/apps.js';
import { createDeployRelease } from '../../src/platform/make-release.js';
import { startTestServer, type TestServer } from '../support/api-server.js';
import { eventually, RUN_IMAGE } from '../support/house.js';
import { openPrivateEngine, type PrivateEngine } from '../support/private-engine.js';

const INSTANCE = 'test-one-offs';
const log = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'fatal' });
const life = new AbortController();
let engine: PrivateEngine;
let test: TestServer;
let docker: Engine;
let oneOffs: OneOffs;
let address: string;
let headers: { authorization: string };

beforeAll(async () => {
  engine = await openPrivateEngine();
  test = await startTestServer({
    oneOffs: { create: (request) => oneOffs.create(request), kill: (app, name) => oneOffs.kill(app, name) },
  });
  docker = createDockerEngine({
    socketPath: engine.socketPath,
    instance: INSTANCE,
    maxOpenFiles: 1024,
    log,
  });
  let number = 1000;
  oneOffs = createOneOffs({
    db: test.db,
    engine: docker,
    seen: createSeenContainers({ engine: docker, now: Date.now }),
    dynoLog: { platform: () => undefined, attach: async () => undefined },
    log,
    settings: { instance: INSTANCE, network: 'bridge', pidsLimit: 512 },
    newSuffix: () => String(number),
    newRunNumber: () => ++number,
    signal: life.signal,
  });
  address = await test.listen();
  const owner = await test.addAccount('owner@example.com');
  ({ headers } = owner);
  await test.server.inject({ method: 'POST', url: '/apps', headers, payload: { name: 'abc' } });
  const app = findAppFor(test.db, owner.account, 'abc');
  const { id: image } = await docker.inspectImage(RUN_IMAGE);
  createDeployRelease(test.db, {
    app,
    by: owner.account,
    image,
    processTypes: { web: 'true' },
    buildpacks: [],
    description: 'Deploy',
  });
});
afterAll(async () => {
  life.abort();
  await test?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

const containers = async (...filters: string[]) =>
  (await engine.docker(['ps', '-aq', ...filters.flatMap((filter) => ['--filter', filter])]))
    .split('\n')
    .filter(Boolean);

async function run(command: string, isAttached: boolean): Promise<{ attach_url: string }> {
  const reply = await test.server.inject({
    method: 'POST',
    url: '/apps/abc/dynos',
    headers,
    payload: { command, attach: isAttached },
  });
  expect(reply.statusCode, reply.body).toBe(201);
  return reply.json();
}

/** Runs it as `paas run` does; the client's connection. */
async function runAttached(command: string): Promise<Duplex> {
  const { attach_url: url } = await run(command, true);
  const { pathname, search } = new URL(url);
  const request = httpRequest(`${address}${pathname}${search}`, {
    headers: { connection: 'Upgrade', upgrade: 'paas-run/1' },
  });
  request.end();
  const [, socket] = (await once(request, 'upgrade')) as [unknown, Duplex];
  socket.resume();
  socket.on('error', () => undefined);
  return socket;
}

it.each(['kill9', 'stop'] as const)('are not taken for ended when the engine goes: %s', async (go) => {
  await run('sleep 1000', false);
  const [id = ''] = await containers('status=running');
  const ended = docker.waitContainer(id, { signal: life.signal }).then(
    ({ exitCode }) => exitCode,
    (error: unknown) => error,
  );
  await engine[go]();
  const told = await Promise.race([ended, sleep(10_000, 'nothing')]);
  await engine.start();
  expect(told).toMatchObject({ id: 'service_unavailable' });
  expect(await containers('status=running')).toEqual([id]);
  await engine.docker(['stop', '-t', '1', id]);
  await eventually('it is gone', async () => (await containers()).length === 0, 20_000);
});

it('are followed to their end, or end with their client, over a restart of the engine', async () => {
  await run('sleep 1000', false);
  const staying = await runAttached('sleep 1000');
  const leaving = await runAttached('trap "" HUP; sleep 1000');
  await eventually('they run', async () => (await containers('status=running')).length === 3);
  await run('sleep 5', false);

  await engine.kill9();
  leaving.destroy();
  await engine.start();
  // The streams of an attached one are gone with the engine.
  await eventually('its client is told', () => staying.closed, 20_000);
  await eventually('all but the long one are gone', async () => (await containers()).length === 1);
  const [long = ''] = await containers('status=running');
  await engine.docker(['stop', '-t', '1', long]);
  await eventually('the long one is gone', async () => (await containers()).length === 0, 20_000);
});
