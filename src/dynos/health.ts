// Whether a web dyno is ready: its port is open, or its health path answers. And what it did instead, when it is not.

import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HealthCheck {
  readonly ip: string;
  readonly port: number;
  /** Path that must answer 2xx or 3xx; undefined: an open port is enough. */
  readonly path: string | undefined;
}

// Often at first, when most apps come up; then at ease.
const FIRST_POLL_MS = 10;
const POLL_MS = 50;
const FIRST_MS = 3000;
const TRY_TIMEOUT_MS = 5000;

/** Checks until it passes (true) or `timeoutMs` is over (false). Rejects when `signal` aborts. */
export async function waitUntilHealthy(
  check: HealthCheck,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<boolean> {
  const startedAt = performance.now();
  const deadline = startedAt + options.timeoutMs;
  while (performance.now() < deadline) {
    options.signal.throwIfAborted();
    if (await isHealthy(check)) return true;
    const waitMs = performance.now() - startedAt < FIRST_MS ? FIRST_POLL_MS : POLL_MS;
    await sleep(waitMs, undefined, { signal: options.signal });
  }
  return false;
}

/** One check now. */
export async function isHealthy(check: HealthCheck): Promise<boolean> {
  return (await portIsOpen(check)) && (check.path === undefined || (await pathAnswers(check, check.path)));
}

function portIsOpen(check: HealthCheck): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: check.ip, port: check.port, timeout: TRY_TIMEOUT_MS });
    const settle = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

/** Redirects count as an answer and are not followed; the body is not read. */
function pathAnswers(check: HealthCheck, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const get = request({
      host: check.ip,
      port: check.port,
      path,
      agent: false,
      headers: { host: 'localhost', 'user-agent': 'paas-health-check', 'x-forwarded-proto': 'https' },
      timeout: TRY_TIMEOUT_MS,
      signal: AbortSignal.timeout(TRY_TIMEOUT_MS),
    });
    get.once('response', (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve(status >= 200 && status < 400);
    });
    get.once('error', () => resolve(false));
    get.once('timeout', () => get.destroy());
    get.end();
  });
}

/** Where processes in the network namespace of `pid` listen, such as `127.0.0.1:3000`; empty when unknown. */
export async function listeningSockets(pid: number): Promise<string[]> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')),
  );
  return [...new Set(tables.flatMap(parseListening))].sort();
}

/** The listening addresses in the text of /proc/net/tcp or tcp6 (proc(5)); Docker's own resolver is left out. */
export function parseListening(table: string): string[] {
  const listening: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/);
    // 0A is TCP_LISTEN.
    if (state !== '0A' || local === undefined) continue;
    const [address = '', port = ''] = local.split(':');
    const host = readAddress(address);
    if (host !== '127.0.0.11') listening.push(`${host}:${Number.parseInt(port, 16)}`);
  }
  return listening;
}

/** What to tell of a web process that did not open its port in time. */
export function describeListening(sockets: readonly string[], port: number): string {
  if (sockets.length === 0) return `it listened on no port at all; it must listen on 0.0.0.0:$PORT (${port})`;
  return `it listened on ${sockets.join(', ')} instead of 0.0.0.0:$PORT (${port})`;
}

// The kernel prints addresses as 32-bit words in host byte order (little endian).
function readAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)),
  );
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.every((byte) => byte === 0)) return '[::]';
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '[::1]';
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return `[${groups.join(':')}]`;
}
