// A real HAProxy in a folder of its own, small Node backends on addresses of 127.0.0.0/8, and clients.

import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createLogger } from '../../src/log.js';
import { createRouter, type Router } from '../../src/router/router.js';
import type { RoutedApp, RoutedServer, RouterState } from '../../src/router/router-state.js';
import { freePort } from './own-places.js';
import { makeOwnedDirectory } from './owned-directory.js';

export const HAPROXY = '/usr/sbin/haproxy';

export interface RouterFixture extends AsyncDisposable {
  readonly dir: string;
  readonly port: number;
  readonly accessLogPath: string;
  readonly router: Router;
  /** Another router object over the same folder, as after a restart of the daemon; the first is detached. */
  restartDaemon(overrides?: RouterOverrides): Promise<Router>;
  /** The daemon ends; HAProxy runs on. */
  stopDaemon(): void;
  state(apps: RoutedApp[], platformAddress?: string): RouterState;
}

export interface RouterOverrides {
  runAs?: { user: string; group: string };
  onDroppedLines?: (count: number, since: number | undefined) => void;
}

/** Starts a router that knows no app yet, on a free port. */
export async function startRouter(overrides: RouterOverrides = {}): Promise<RouterFixture> {
  const dir = makeOwnedDirectory('paas-router-');
  const port = await freePort();
  const accessLogPath = join(dir, 'access-log.fifo');
  const log = createLogger({ level: process.env['PAAS_TEST_LOG'] ?? 'silent', isTty: false, name: 'test' });
  const make = (signal: AbortSignal, { runAs, onDroppedLines }: RouterOverrides) =>
    createRouter({
      dir,
      httpPort: port,
      bindAddress: '127.0.0.1',
      maxConnections: 4000,
      threads: 2,
      runAs,
      onDroppedLines,
      haproxyPath: HAPROXY,
      accessLogPath,
      log,
      signal,
    });
  let daemon = new AbortController();
  let router = make(daemon.signal, overrides);
  await router.start();
  return {
    dir,
    port,
    accessLogPath,
    get router() {
      return router;
    },
    async restartDaemon(changed = overrides) {
      daemon.abort();
      daemon = new AbortController();
      router = make(daemon.signal, changed);
      await router.start();
      return router;
    },
    stopDaemon: () => daemon.abort(),
    state: (apps, address = '127.0.0.1:9') => ({ platform: { host: 'paas.test', address }, apps }),
    async [Symbol.asyncDispose]() {
      await router.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export interface Backend extends AsyncDisposable {
  readonly server: RoutedServer;
  readonly http: http.Server;
  readonly seen: string[];
}

/** A web dyno: answers its own address unless `answer` does otherwise; port 5000 as in the platform. */
export async function startBackend(
  dyno = 'web.1',
  answer?: (request: http.IncomingMessage, response: http.ServerResponse, ip: string) => void,
): Promise<Backend> {
  const ip = `127.${randomInt(20, 250)}.${randomInt(1, 250)}.${randomInt(1, 250)}`;
  const seen: string[] = [];
  const server = http.createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (answer === undefined) response.end(ip);
    else answer(request, response, ip);
  });
  await new Promise<void>((resolve) => server.listen(5000, ip, resolve));
  return {
    server: serverAt(ip, dyno),
    http: server,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function serverAt(ip: string, dyno = 'web.1', port = 5000): RoutedServer {
  return { name: `${dyno}-${randomBytes(6).toString('hex')}`, dyno, ip, port, state: 'ready' };
}

export function appWith(host: string, servers: RoutedServer[], mode: RoutedApp['mode'] = 'live'): RoutedApp {
  return { id: randomUUID(), name: 'sample', hosts: [host], mode, servers };
}

export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export function get(
  port: number,
  host: string,
  options: {
    path?: string;
    method?: string;
    headers?: Record<string, string>;
    agent?: http.Agent;
    body?: string;
  } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: '127.0.0.1',
        port,
        path: options.path ?? '/',
        method: options.method ?? 'GET',
        headers: { host, ...options.headers },
        agent: options.agent ?? false,
        timeout: 60_000,
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text) => {
          body += text;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
        response.on('error', reject);
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer in 60 s')));
    request.on('error', reject);
    request.end(options.body);
  });
}

/** Sends bytes as they are and gives everything that comes back until the other side closes or `waitMs` is over. */
export function sendRaw(port: number, bytes: string, waitMs = 30_000): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')));
    socket.setTimeout(waitMs, () => socket.destroy());
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(received));
  });
}
