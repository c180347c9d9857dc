import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { receiveAccessLog } from '../../src/router/access-log-pipe.js';
import type { RoutedApp, RoutedServer } from '../../src/router/router-state.js';
import { freePort } from '../support/own-places.js';
import {
  appWith,
  type Backend,
  get,
  type RouterFixture,
  sendRaw,
  serverAt,
  startBackend,
  startRouter,
} from '../support/router-fixture.js';

const WAIT = { timeout: 30_000 };
let router: RouterFixture;
let echo: Backend;
let platform: Backend;

beforeAll(async () => {
  router = await startRouter({ runAs: { user: 'haproxy', group: 'haproxy' } });
  echo = await startBackend('web.1', (request, response) => {
    response.end(JSON.stringify({ url: request.url, headers: request.headers, raw: request.rawHeaders }));
  });
  platform = await startBackend('platform.1', (_, response) => response.end('platform'));
  await router.router.apply(
    router.state([appWith('a.test', [echo.server])], `${platform.server.ip}:${platform.server.port}`),
  );
});

afterAll(async () => {
  await router[Symbol.asyncDispose]();
  await echo[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
});

/** Seconds until the kernel asks the other end of the server's connection; proc(5), /proc/net/tcp. 0: it is not to. */
function keepAliveSeconds(serverPort: number, clientPort: number): number {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const row = rows.find(
    ([, local, remote]) => local?.endsWith(`:${hex(serverPort)}`) && remote?.endsWith(`:${hex(clientPort)}`),
  );
  const [, ticks] = /^02:([0-9A-F]{8})$/.exec(row?.[5] ?? '') ?? [];
  return Number.parseInt(ticks ?? '0', 16) / 100;
}

/** Raw requests, and the status that the router must answer them with. */
const REFUSED: [name: string, request: string, status: number][] = [
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n', 400],
  ['empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['user in Host', 'GET / HTTP/1.1\r\nHost: evil@a.test\r\n\r\n', 400],
  ['path in Host', 'GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n', 400],
  ['quote in Host', 'GET / HTTP/1.1\r\nHost: a"b\r\n\r\n', 400],
  ['blank in Host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['UTF-8 in Host', 'GET / HTTP/1.1\r\nHost: \xc3\xa4.test\r\n\r\n', 400],
  ['long Host', `GET / HTTP/1.1\r\nHost: ${'a'.repeat(300)}\r\n\r\n`, 400],
  ['port out of range', 'GET / HTTP/1.1\r\nHost: a.test:99999\r\n\r\n', 400],
  ['Host list', 'GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n', 400],
  ['NUL in a value', 'GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n', 400],
  ['ESC in a value', 'GET / HTTP/1.1\r\nHost: a.test\r\nX: a\x1bb\r\n\r\n', 400],
  ['bare CR', 'GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n', 400],
  ['HTTP/9.9', 'GET / HTTP/9.9\r\nHost: a.test\r\n\r\n', 400],
  ['CONNECT', 'CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n', 405],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a.test\r\n\r\n', 405],
  ['h2c upgrade', 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n', 400],
  [
    'hop-by-hop X-Forwarded-For',
    'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close, X-Forwarded-For\r\n\r\n',
    400,
  ],
  ['xchunked', 'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', 400],
  [
    'blank before colon',
    'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400],
  ['empty length', 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length:\r\n\r\n', 400],
  ['signed length', 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +3\r\n\r\nabc', 400],
  ['hex length', 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0x3\r\n\r\nabc', 400],
  ['empty header name', 'GET / HTTP/1.1\r\nHost: a.test\r\n: x\r\n\r\n', 400],
  ['fragment in path', 'GET /a#b HTTP/1.1\r\nHost: a.test\r\n\r\n', 400],
  ['Host and URI differ', 'GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n', 400],
  ['20 KB header', `GET / HTTP/1.1\r\nHost: a.test\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 400],
  ['200 headers', `GET / HTTP/1.1\r\nHost: a.test\r\n${'X: a\r\n'.repeat(200)}\r\n`, 400],
  ['rubbish', 'rubbish\r\n\r\n', 400],
];

describe('bad requests', () => {
  test.each(REFUSED)('%s', async (_, request, status) => {
    const seen = echo.seen.length;
    const reply = await sendRaw(router.port, `${request}GET /poison HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    expect(reply.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(reply.match(/HTTP\/1\.[01] /g)).toHaveLength(1);
    expect(reply).not.toMatch(/haproxy/i);
    expect(echo.seen.slice(seen)).toEqual([]);
  });

  test('the same Host twice is one Host', async () => {
    const reply = await sendRaw(
      router.port,
      'GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\nConnection: close\r\n\r\n',
    );
    expect(reply.match(/"Host"|"host"/g)).toHaveLength(2);
  });

  test('an obsolete line fold reaches the app as blanks, in one header', async () => {
    const reply = await sendRaw(
      router.port,
      'GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n X-Injected: b\r\nConnection: close\r\n\r\n',
    );
    if (reply.startsWith('HTTP/1.1 200')) expect(reply).not.toContain('"x-injected"');
  });
});

describe('headers that the app sees', () => {
  test('are ours, whatever the client sends', async () => {
    const reply = await get(router.port, 'a.test', {
      headers: {
        'x-forwarded-for': '1.2.3.4',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'evil.test',
        forwarded: 'for=1.2.3.4',
        'x-real-ip': '1.2.3.4',
        'x-request-id': 'x'.repeat(5000),
        'x-request-start': '1',
        proxy: 'http://evil.test',
      },
    });
    const { headers } = JSON.parse(reply.body);
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': String(router.port),
      via: '1.1 paas',
    });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(Number(headers['x-request-start'])).toBeGreaterThan(1_500_000_000_000);
    for (const name of ['x-forwarded-host', 'forwarded', 'x-real-ip', 'proxy'])
      expect(headers).not.toHaveProperty(name);
  });

  test('have no second spelling with underscores', async () => {
    const given = [
      'X-Forwarded_For',
      'x_forwarded_proto',
      'X_Forwarded-Host',
      'X_Real_IP',
      'X-Request_Start',
    ];
    const reply = await get(router.port, 'a.test', {
      headers: { ...Object.fromEntries(given.map((name) => [name, '9'])), x_other: 'kept' },
    });
    const { headers } = JSON.parse(reply.body);
    expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', x_other: 'kept' });
    for (const name of given) expect(headers).not.toHaveProperty([name.toLowerCase()]);
  });

  test('keep a valid request id', async () => {
    const id = randomUUID();
    const reply = await get(router.port, 'a.test', { headers: { 'x-request-id': id } });
    expect(JSON.parse(reply.body).headers['x-request-id']).toBe(id);
  });
});

describe('protocols', () => {
  test('HTTP/2 in, with prior knowledge', async () => {
    const session = http2.connect(`http://127.0.0.1:${router.port}`);
    const stream = session.request({ ':path': '/two', ':authority': 'a.test' });
    let body = '';
    let status: unknown;
    stream.on('response', (headers) => {
      status = headers[':status'];
    });
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    session.close();
    expect(status).toBe(200);
    expect(JSON.parse(body).url).toBe('/two');
  });

  test('a WebSocket goes through, survives a reload, and counts as a session', async () => {
    const ip = '127.33.1.1';
    const sockets: Socket[] = [];
    const upgrader = createServer((socket) => {
      sockets.push(socket);
      socket.once('data', (chunk) => {
        const key = /sec-websocket-key: (.*)\r/i.exec(chunk.toString())?.[1] ?? '';
        const accept = createHash('sha1')
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest('base64');
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        socket.on('data', (data) => socket.write(data));
      });
    });
    await new Promise<void>((resolve) => upgrader.listen(5000, ip, resolve));
    const app = appWith('ws.test', [serverAt(ip)]);
    const all = [appWith('a.test', [echo.server]), app];
    await router.router.apply(router.state(all, `${platform.server.ip}:5000`));
    const client = connect(router.port, '127.0.0.1');
    client.write(
      'GET / HTTP/1.1\r\nHost: ws.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    let received = '';
    client.on('data', (data) => {
      received += data;
    });
    await expect.poll(() => received, WAIT).toContain('101 Switching');
    const name = app.servers[0]?.name ?? '';
    expect(await router.router.sessions(app.id, name)).toBe(1);
    await router.router.apply(router.state([...all, appWith('new.test', [])], `${platform.server.ip}:5000`));
    expect(await router.router.sessions(app.id, name)).toBe(1);
    client.write('still there');
    await expect.poll(() => received, WAIT).toContain('still there');
    client.destroy();
    await expect.poll(() => router.router.sessions(app.id, name), WAIT).toBe(0);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => upgrader.close(resolve));
  });

  test('a client that says nothing is asked within a minute whether it is still there', async () => {
    const client = connect(router.port, '127.0.0.1');
    await once(client, 'connect');
    const seconds = () => keepAliveSeconds(router.port, client.localPort ?? 0);
    await expect.poll(seconds, WAIT).toBeGreaterThan(0);
    expect(seconds()).toBeLessThanOrEqual(60);
    client.destroy();
  });

  test('the platform host reaches the daemon; while that is away it is said in JSON', async () => {
    expect((await get(router.port, 'paas.test')).body).toBe('platform');
    await router.router.apply(router.state([], `127.0.0.1:${await freePort()}`));
    const reply = await get(router.port, 'paas.test');
    expect([reply.status, JSON.parse(reply.body).id]).toEqual([503, 'service_unavailable']);
  }, 30_000);
});

describe('the access log', () => {
  test('tells each request to an app as Heroku does, and how it failed', async () => {
    await using log = await startRouter({ runAs: { user: 'haproxy', group: 'haproxy' } });
    await using silent = await startBackend('web.1', (request, response) => {
      if (request.url === '/hang-up') request.socket.destroy();
      else if (request.url === '/break') {
        response.writeHead(200, { 'content-length': 1000 }).write('half');
        setTimeout(() => request.socket.destroy(), 50);
      } else if (request.url === '/slow') return;
      else response.end('ok');
    });
    const server: RoutedServer = silent.server;
    const at = (host: string, mode: RoutedApp['mode'], servers: RoutedServer[] = []) =>
      appWith(host, servers, mode);
    const live = at('a.test', 'live', [server]);
    await log.router.apply(
      log.state([
        live,
        at('refused.test', 'live', [serverAt('127.3.4.5')]),
        at('blank.test', 'blank'),
        at('none.test', 'no-web-dynos'),
        at('crashed.test', 'crashed'),
        at('maintenance.test', 'maintenance'),
      ]),
    );
    const lines: { appId: string; text: string }[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const batch of receiveAccessLog({ path: log.accessLogPath, signal: stop.signal }))
        for (const { appId, text } of batch)
          lines.push(
            ...text
              .toString()
              .split('\n')
              .slice(0, -1)
              .map((line) => ({ appId, text: line })),
          );
    })();
    const slow = get(log.port, 'a.test', { path: '/slow' });
    const startedAt = performance.now();
    await get(log.port, 'a.test', { path: '/?q=%22"\\', headers: { 'user-agent': 'a\tb' } });
    await get(log.port, 'unknown.test');
    await get(log.port, 'a.test', { path: '/hang-up' });
    await get(log.port, 'a.test', { path: '/break' }).catch(() => undefined);
    for (const host of ['refused', 'blank', 'none', 'crashed', 'maintenance'])
      await get(log.port, `${host}.test`);
    const session = http2.connect(`http://127.0.0.1:${log.port}`);
    session.request({ ':path': '/two', ':authority': 'a.test' }).resume();
    await expect.poll(() => lines.length, WAIT).toBe(9);
    session.destroy();
    // Two threads write: lines of quick neighbours may change places.
    const textOf = (part: string) =>
      lines
        .find((line) => line.text.includes(part))
        ?.text.replace(/request_id=[0-9a-f-]{36}/, 'request_id=ID');
    expect(lines.find((line) => line.text.includes('host=a.test'))?.appId).toBe(live.id);
    expect(textOf('path="/?q=')).toMatch(
      /^at=info method=GET path="\/\?q=%22\\"\\\\" host=a\.test request_id=ID fwd="127\.0\.0\.1" dyno=web\.1 connect=\d+ms service=\d+ms status=200 bytes=\d+ protocol=http1\.1 tls=false$/,
    );
    expect(textOf('path="/hang-up"')).toMatch(
      /^at=error code=H13 desc="Connection closed without response" .* dyno=web\.1 .* status=503 /,
    );
    expect(textOf('path="/break"')).toMatch(
      /^at=error code=H18 desc="Server Request Interrupted" .* status=200 /,
    );
    expect(textOf('host=refused.test')).toMatch(
      /^at=error code=H21 desc="Backend connection refused" .* status=503 /,
    );
    expect(textOf('host=blank.test')).toBe(
      'at=info code=H81 desc="Blank app" method=GET path="/" host=blank.test request_id=ID fwd="127.0.0.1" dyno= connect= service= status=503 bytes= protocol=http1.1 tls=false',
    );
    expect(textOf('host=none.test')).toMatch(/^at=error code=H14 /);
    expect(textOf('host=crashed.test')).toMatch(/^at=error code=H10 /);
    expect(textOf('host=maintenance.test')).toMatch(/^at=info code=H80 /);
    expect(textOf('path="/two"')).toMatch(/ protocol=http2 /);
    expect((await slow).status).toBe(503);
    expect(performance.now() - startedAt).toBeGreaterThan(29_000);
    await expect.poll(() => lines.length, WAIT).toBe(10);
    expect(textOf('path="/slow"')).toMatch(
      /^at=error code=H12 desc="Request timeout" .* dyno=web\.1 .* service=3\d{4}ms status=503 /,
    );
    stop.abort();
    await reading;
  }, 60_000);

  test('counts the lines that found no place, and tells of them', async () => {
    const told: number[] = [];
    await using log = await startRouter({ onDroppedLines: (count) => told.push(count) });
    await using a = await startBackend();
    await log.router.apply(log.state([appWith('a.test', [a.server])]));
    // Without a reader the pipe holds 64 KiB.
    const path = `/${'a'.repeat(1000)}`;
    for (let i = 0; i < 100; i += 1) await get(log.port, 'a.test', { path });
    const stop = new AbortController();
    let read = 0;
    for await (const batch of receiveAccessLog({ path: log.accessLogPath, signal: stop.signal })) {
      for (const { lineCount } of batch) read += lineCount;
      stop.abort();
    }
    // It looks now and then: also in the middle of the requests, when they take long.
    await expect.poll(() => told.reduce((sum, count) => sum + count, 0), WAIT).toBe(100 - read);
    expect(log.router.droppedLines()).toBe(100 - read);
  }, 60_000);

  test('counts lines that found no place before the first look', async () => {
    await using log = await startRouter();
    await log.router.apply(log.state([appWith('a.test', [], 'blank')]));
    // In one go: no look comes in between. Without a reader the pipe holds 64 KiB.
    const urls = `http://127.0.0.1:${log.port}/${'a'.repeat(1000)}?[1-100]`;
    execFileSync('curl', ['-s', '-o', '/dev/null', '-H', 'host: a.test', urls]);
    const stop = new AbortController();
    let read = 0;
    for await (const batch of receiveAccessLog({ path: log.accessLogPath, signal: stop.signal })) {
      for (const { lineCount } of batch) read += lineCount;
      stop.abort();
    }
    expect(read).toBeLessThan(100);
    await expect.poll(() => log.router.droppedLines(), WAIT).toBe(100 - read);
  }, 60_000);

  test('tells the next daemon of lines that found no place while there was none', async () => {
    const told: [number, number | undefined][] = [];
    await using log = await startRouter({ onDroppedLines: (...drop) => told.push(drop) });
    await log.router.apply(log.state([appWith('a.test', [], 'blank')]));
    await expect.poll(() => readdirSync(log.dir), WAIT).toContain('dropped-lines.json');
    log.stopDaemon();
    const stoppedAt = Date.now();
    const urls = `http://127.0.0.1:${log.port}/${'a'.repeat(1000)}?[1-100]`;
    execFileSync('curl', ['-s', '-o', '/dev/null', '-H', 'host: a.test', urls]);
    await log.restartDaemon();
    await expect.poll(() => told.length, WAIT).toBe(1);
    const stop = new AbortController();
    let read = 0;
    for await (const batch of receiveAccessLog({ path: log.accessLogPath, signal: stop.signal })) {
      for (const { lineCount } of batch) read += lineCount;
      stop.abort();
    }
    expect(told).toEqual([[100 - read, expect.any(Number)]]);
    expect(told[0]?.[1]).toBeLessThan(stoppedAt);
  }, 60_000);

  test('keeps lines for a reader that was away', async () => {
    await using log = await startRouter();
    await using a = await startBackend();
    await log.router.apply(log.state([appWith('a.test', [a.server])]));
    const read = async (count: number) => {
      const stop = new AbortController();
      let seen = 0;
      for await (const batch of receiveAccessLog({ path: log.accessLogPath, signal: stop.signal })) {
        for (const { lineCount } of batch) seen += lineCount;
        if (seen >= count) stop.abort();
      }
      return seen;
    };
    for (let i = 0; i < 50; i += 1) await get(log.port, 'a.test');
    expect(await read(50)).toBe(50);
    for (let i = 0; i < 50; i += 1) await get(log.port, 'a.test');
    expect(await read(50)).toBe(50);
  });
});
