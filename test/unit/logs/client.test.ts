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
