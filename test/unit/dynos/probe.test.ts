// HTTP checks of apps that answer in odd ways: each ends, at its timeout at the latest, and says what it saw.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type ProbeResult, probe } from '../../../src/dynos/probe.js';

const TIMEOUT_MS = 500;

describe.each([
  [
    'a change of the protocol',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    'answered 101, not 200-399',
  ],
  ['a change that names no protocol', 'HTTP/1.1 101 X\r\n\r\n', 'answered 101, not 200-399'],
  [
    'an offer of another protocol',
    'HTTP/1.1 200 OK\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok',
    undefined,
  ],
  ['a body without an end', 'HTTP/1.1 200 OK\r\n\r\n', 'did not answer in 0.5 s'],
  [
    'a body that breaks off',
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok\0',
    'closed the connection without an answer',
  ],
  ['a body that is not coded', `${chunked()}zzz\r\n`, 'did not answer in HTTP'],
  ['endless preliminary answers', 'HTTP/1.1 103 Early Hints\r\n\r\n\x01', 'did not answer in 0.5 s'],
  ['headers that come slowly', 'HTTP/1.1 200 OK\r\n\x01', 'did not answer in 0.5 s'],
  ['another protocol', '\x15\x03\x01\x00\x02\x02\x46', 'did not answer in HTTP'],
])('an HTTP check that gets %s', (_, answer, said) => {
  it('ends', async () => {
    const result = await ask((socket) => say(socket, answer));
    expect(result.passed === false ? result.said : undefined).toBe(said);
    expect(result.passed).toBe(said === undefined);
  });
});

function chunked(): string {
  return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n';
}

/** A final 0 closes the connection, a final 1 goes on with the same: another answer, or another header. */
function say(socket: Socket, answer: string): void {
  const text = answer.replace(/[\0\x01]$/, '');
  if (answer.endsWith('\0')) {
    socket.end(text, 'latin1');
    return;
  }
  socket.write(text, 'latin1');
  if (!answer.endsWith('\x01')) return;
  const timer = setInterval(() => socket.write(text.endsWith('\r\n\r\n') ? text : 'X: y\r\n'), 20);
  socket.once('close', () => clearInterval(timer));
}

async function ask(answer: (socket: Socket) => void): Promise<ProbeResult> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    return await probe(
      {
        containerId: 'none',
        ip: '127.0.0.1',
        defaultPort: port,
        commandLine: async () => [],
        startedAtMs: 0,
        now: () => 0,
      },
      {
        timeoutMs: TIMEOUT_MS,
        probe: { kind: 'http', path: '/', headers: [], minStatus: 200, maxStatus: 399 },
      },
      {
        engine: { runInContainer: () => Promise.reject(new Error('no command')) },
        signal: new AbortController().signal,
      },
    );
  } finally {
    server.close();
  }
}
