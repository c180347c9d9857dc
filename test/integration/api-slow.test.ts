// Slow and broken connections do not hold the server up.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/api-server.js';
import { patience } from '../support/patience.js';

let test: TestServer;
let port: number;
let token: string;

beforeAll(async () => {
  test = await startTestServer();
  ({ token } = await test.addAccount('owner@example.com'));
  port = Number(new URL(await test.listen()).port);
});
afterAll(() => test[Symbol.asyncDispose]());

/** What the server says until it closes the connection. */
async function answerTo(text: string): Promise<{ text: string; ms: number }> {
  const startedAt = performance.now();
  const socket: Socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.write(text);
  await once(socket, 'close');
  return { text: answer, ms: performance.now() - startedAt };
}

// They wait side by side.
describe.concurrent('a slow client', () => {
  it('ends a request whose head does not come', async () => {
    const { text, ms } = await answerTo('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    expect(text).toContain('408');
    expect(ms).toBeLessThan(patience(13_000));
  });

  it('ends a request whose body does not come', async () => {
    const head = `POST /apps HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"nam`;
    const { text, ms } = await answerTo(head);
    expect(text).toContain('408');
    expect(text).toContain('request_timeout');
    expect(ms).toBeLessThan(patience(30_000));
  });
});

it('answers a body that is too large and closes', async () => {
  const head = `POST /apps HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n`;
  const { text } = await answerTo(head + 'x'.repeat(1_500_000));
  expect(text).toContain('413');
});

it('refuses upgrades to anything else', async () => {
  const { text } = await answerTo(
    'GET /apps HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  );
  expect(text).toContain('400');
  const foreign = await answerTo(
    'GET /apps/a/dynos/run.1/attach?token=x HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.test\r\nConnection: Upgrade\r\nUpgrade: paas-run/1\r\n\r\n',
  );
  expect(foreign.text).toContain('403');
});
