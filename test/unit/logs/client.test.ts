import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLogger } from '../../../src/log.js';
import { createLogClient } from '../../../src/logs/client.js';

/** Answers each request with this much, and never ends it; undefined: with nothing at all. */
async function standingCollector(begins: string | undefined) {
  const directory = mkdtempSync(join(tmpdir(), 'paas-collector-'));
  const socketPath = join(directory, 'collector.sock');
  const server = createServer((_request, response) => {
    if (begins !== undefined) response.write(begins);
  });
  await once(server.listen(socketPath), 'listening');
  const log = createLogger({ level: 'silent', isTty: false, name: 'test' });
  const client = createLogClient({ socketPath, clientId: 'test', log, callDeadlineMs: 300 });
  return {
    client,
    [Symbol.dispose]() {
      client.close();
      server.closeAllConnections();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const query = { appId: 'a', lines: 10 };
const container = { containerId: 'c', appId: 'a', process: 'web.1', tty: false };

it.each([undefined, '{"lines":'])('no call waits for a collector that stands still: %s', async (begins) => {
  using standing = await standingCollector(begins);
  const { client } = standing;
  const calls = [
    client.stats(),
    client.requests(),
    client.health(),
    client.read(query),
    client.forgetApp('a'),
    client.attach(container),
  ];
  const reason = { id: 'service_unavailable', message: expect.stringMatching(/does not answer/) };
  const expected = calls.map(() => ({ status: 'rejected', reason: expect.objectContaining(reason) }));
  expect(await Promise.allSettled(calls)).toEqual(expected);
});

it('a call of a collector that is not there says so at once', async () => {
  const log = createLogger({ level: 'silent', isTty: false, name: 'test' });
  const client = createLogClient({ socketPath: '/nowhere/collector.sock', clientId: 'test', log });
  await expect(client.stats()).rejects.toThrow('ENOENT');
  client.close();
});

it('gives the collector no more at once than it takes, whatever a build prints', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'paas-collector-'));
  const socketPath = join(directory, 'collector.sock');
  const sizes: number[] = [];
  const taken = new Map<number, number>();
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray().catch(() => undefined);
    if (chunks === undefined) return;
    const body = Buffer.concat(chunks);
    sizes.push(body.length);
    // As collector-server.ts: too much is refused, what comes again is one batch.
    response.statusCode = body.length > 16 * 1024 * 1024 ? 500 : 200;
    const { number, lines } = JSON.parse(body.toString());
    if (response.statusCode === 200) taken.set(number, lines.length);
    response.end('{}');
  });
  await once(server.listen(socketPath), 'listening');
  const log = createLogger({ level: 'silent', isTty: false, name: 'test' });
  const client = createLogClient({ socketPath, clientId: 'test', log });
  try {
    const text = '\u0001'.repeat(8192);
    client.write(Array.from({ length: 1000 }, () => ({ appId: 'a', source: 'app', process: 'build', text })));
    client.write([{ appId: 'b', source: 'app', process: 'api', text: 'of another app' }]);
    await client.flush();
    expect([...taken.values()].reduce((sum, count) => sum + count, 0)).toBe(1001);
    expect(Math.max(...sizes)).toBeLessThan(2 * 1024 * 1024);
  } finally {
    client.close();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}, 20_000);
