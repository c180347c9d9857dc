import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type FailedCheck, passStartup } from '../../../src/dynos/startup.js';
import { type Check, DEFAULT_CHECK } from '../../../src/platform/check.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function portOf(server: Server, port = 0): Promise<number> {
  servers.push(server);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** One that refuses connections now. */
async function closedPort(): Promise<number> {
  const port = await portOf(createServer());
  const closed = once(servers[0] ?? createServer(), 'close');
  servers.pop()?.close();
  await closed;
  return port;
}

const timed = (ms: number, change: Partial<Check>): Check => ({
  ...DEFAULT_CHECK,
  intervalMs: ms / 2,
  attempts: 2,
  timesGiven: true,
  ...change,
});
const get = (port: number): Check['probe'] => ({
  kind: 'http',
  path: '/',
  port,
  minStatus: 200,
  maxStatus: 399,
  headers: [],
});

async function pass(checks: readonly Check[], bootTimeoutMs = 60_000) {
  const failures: FailedCheck[] = [];
  const startedAt = performance.now();
  const target = {
    containerId: 'c',
    ip: '127.0.0.1',
    defaultPort: 1,
    commandLine: async () => [],
    startedAtMs: Date.now(),
    now: Date.now,
    pid: 0,
  };
  const result = await passStartup(target, checks, {
    engine: { runInContainer: () => Promise.reject(new Error('no container in this test')) },
    bootTimeoutMs,
    signal: AbortSignal.timeout(30_000),
    onFailure: (failure) => failures.push(failure),
  });
  return { result, failures, ms: performance.now() - startedAt };
}

describe('startup checks', () => {
  it('have attempts x interval, and are tried more often', async () => {
    const port = await closedPort();
    const { result, failures, ms } = await pass([timed(600, { probe: get(port) })]);
    expect(result).toMatchObject({ passed: false, limitMs: 600, said: 'refused the connection' });
    expect(ms).toBeGreaterThanOrEqual(600);
    expect(ms).toBeLessThan(5000);
    expect(failures.length).toBeGreaterThan(3);
  });

  it('have the boot timeout where nobody gave times', async () => {
    const port = await closedPort();
    const { result, ms } = await pass([{ ...DEFAULT_CHECK, probe: { kind: 'port', port } }], 300);
    expect(result).toMatchObject({ passed: false, limitMs: 300 });
    expect(ms).toBeGreaterThanOrEqual(300);
  });

  it('pass as soon as they can, whatever the interval', async () => {
    const port = await closedPort();
    const passing = pass([timed(60_000, { probe: { kind: 'port', port } })]);
    await portOf(createServer(), port);
    const { result, ms } = await passing;
    expect(result).toEqual({ passed: true, warnings: [] });
    expect(ms).toBeLessThan(5000);
  });

  it('let the try that is under way at the limit end, and begin no other', async () => {
    const port = await portOf(createServer());
    const hanging = timed(200, { probe: get(port), timeoutMs: 700 });
    const { result, failures, ms } = await pass([hanging]);
    expect(result).toMatchObject({ passed: false, said: 'did not answer in 0.7 s' });
    expect(failures).toHaveLength(1);
    expect(ms).toBeGreaterThanOrEqual(695);
    expect(ms).toBeLessThan(1395);
  });

  it('have a time each, and none waits for the try of another', async () => {
    const closed = await closedPort();
    const hangs = await portOf(createServer());
    const { result, ms } = await pass([
      timed(60_000, { probe: get(hangs), timeoutMs: 20_000 }),
      timed(200, { probe: { kind: 'port', port: closed } }),
    ]);
    expect(result).toMatchObject({ passed: false, limitMs: 200, check: { probe: { port: closed } } });
    expect(ms).toBeLessThan(5000);
  });

  it('that only warn have their time too, and then let the dyno pass', async () => {
    const closed = await closedPort();
    const fine = await portOf(createHttpServer((_, response) => response.end('ok')));
    const { result, ms } = await pass([
      timed(400, { probe: { kind: 'port', port: closed }, onlyWarns: true }),
      timed(60_000, { probe: get(fine) }),
    ]);
    expect(result).toEqual({
      passed: true,
      warnings: [`connect to port ${closed}: it refused the connection`],
    });
    expect(ms).toBeGreaterThanOrEqual(400);
  });
});
