// One try of a check at one dyno. It goes to the dyno's own address only, follows no redirect, reads at most 64 KiB and
// ends at its timeout.

import { request } from 'node:http';
import { connect } from 'node:net';
import type { Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { Check, Probe } from '../platform/check.js';
import type { Evidence } from '../platform/incidents.js';

/** Where a dyno is asked. */
export interface ProbeTarget {
  readonly containerId: string;
  readonly ip: string;
  /** The port when the check names none. */
  readonly defaultPort: number;
  /** Runs what the check's command becomes in this image: through its launcher, or as it is. */
  readonly commandLine: (command: string | readonly string[]) => Promise<readonly string[]>;
  /** When its process began, epoch ms. */
  readonly startedAtMs: number;
  readonly now: () => number;
}

export type ProbeResult =
  | { readonly passed: true }
  /** The container is gone or being stopped: that says nothing of the app. */
  | { readonly passed: undefined }
  /** `said` goes after "it": `it answered 500, not 200-399`. */
  | { readonly passed: false; readonly said: string; readonly evidence: Evidence };

const MAX_BODY_BYTES = 64 * 1024;
const SHOWN_BYTES = 200;

/** Tries once. Rejects only when `signal` aborts. */
export async function probe(
  target: ProbeTarget,
  check: Pick<Check, 'probe' | 'timeoutMs'>,
  options: { engine: Pick<Engine, 'runInContainer'>; signal: AbortSignal },
): Promise<ProbeResult> {
  options.signal.throwIfAborted();
  switch (check.probe.kind) {
    case 'port':
      return await tryPort(target, check.probe.port ?? target.defaultPort, check.timeoutMs);
    case 'http':
      return await tryHttp(target, check.probe, check.timeoutMs);
    case 'command':
      return await tryCommand(target, { ...check, command: check.probe.command }, options);
    case 'uptime': {
      const ranMs = target.now() - target.startedAtMs;
      if (ranMs >= check.probe.seconds * 1000) return { passed: true };
      return failed(`has run for less than ${check.probe.seconds} s`, { check: 'uptime' });
    }
    default:
      return { passed: true };
  }
}

function failed(said: string, evidence: Evidence): ProbeResult {
  return { passed: false, said, evidence };
}

function tryPort(target: Pick<ProbeTarget, 'ip'>, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.ip, port });
    const timer = setTimeout(() => settle(`did not accept a connection in ${seconds(timeoutMs)}`), timeoutMs);
    const settle = (said?: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(said === undefined ? { passed: true } : failed(said, { check: 'port', port, error: said }));
    };
    socket.once('connect', () => settle());
    socket.once('error', (error) => settle(describeConnectError(error)));
  });
}

type HttpProbe = Extract<Probe, { kind: 'http' }>;

async function tryHttp(target: ProbeTarget, http: HttpProbe, timeoutMs: number): Promise<ProbeResult> {
  const port = http.port ?? target.defaultPort;
  const asked = { check: 'http', request: `GET ${http.path}`, port };
  const startedAt = performance.now();
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const { status, body } = await get({ ...target, port, http, signal: limit });
    const ms = Math.round(performance.now() - startedAt);
    const seen = { ...asked, status, body: shown(body), milliseconds: ms };
    if (status < http.minStatus || status > http.maxStatus) {
      return failed(`answered ${status}, not ${rangeText(http)}`, seen);
    }
    if (http.content === undefined || body.includes(http.content)) return { passed: true };
    return failed(`answered ${status} without ${JSON.stringify(http.content)} in its body`, seen);
  } catch (error) {
    const said = limit.aborted ? `did not answer in ${seconds(timeoutMs)}` : describeConnectError(error);
    return failed(said, { ...asked, error: said });
  }
}

/** The status, and the beginning of the body: all of it when it is small. */
function get(options: {
  ip: string;
  port: number;
  http: HttpProbe;
  signal: AbortSignal;
}): Promise<{ status: number; body: Buffer }> {
  const { http, signal } = options;
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = {
      host: 'localhost',
      'user-agent': 'paas-health-check',
      'x-forwarded-proto': 'https',
      connection: 'close',
    };
    for (const { name, value } of http.headers) headers[name.toLowerCase()] = value;
    const get = request({
      host: options.ip,
      port: options.port,
      path: http.path,
      agent: false,
      headers,
      signal,
    });
    get.once('error', reject);
    // An answer that changes the protocol is none of the others, and ends without an error.
    get.once('upgrade', ({ statusCode }, socket) => {
      resolve({ status: statusCode ?? 101, body: Buffer.alloc(0) });
      socket.destroy();
    });
    // Whatever else it may be: without a connection nothing more comes.
    const onClose = () => reject(new Error('the connection was closed'));
    get.once('close', onClose);
    get.once('response', (response) => {
      get.removeListener('close', onClose);
      const status = response.statusCode ?? 0;
      const chunks: Buffer[] = [];
      let bytes = 0;
      const finish = () => {
        resolve({ status, body: Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES) });
        response.destroy();
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        // Where the status decides, the first piece is enough: an endless body costs nothing.
        if (bytes >= (http.content === undefined ? SHOWN_BYTES : MAX_BODY_BYTES)) finish();
      });
      response.once('end', finish);
      response.once('error', reject);
      response.once('close', () => reject(new Error('the answer broke off')));
    });
    get.end();
  });
}

async function tryCommand(
  target: ProbeTarget,
  check: { command: string | readonly string[]; timeoutMs: number },
  options: { engine: Pick<Engine, 'runInContainer'>; signal: AbortSignal },
): Promise<ProbeResult> {
  const text = typeof check.command === 'string' ? check.command : check.command.join(' ');
  const asked = { check: 'command', command: text };
  try {
    const command = await target.commandLine(check.command);
    const { exitCode, output } = await options.engine.runInContainer(target.containerId, command, {
      timeoutMs: check.timeoutMs,
      maxOutputBytes: MAX_BODY_BYTES,
      signal: options.signal,
    });
    if (exitCode === 0) return { passed: true };
    const seen = { ...asked, output: shown(Buffer.from(output)) };
    if (exitCode === undefined) return failed(`was killed after ${seconds(check.timeoutMs)}`, seen);
    return failed(`ended with ${exitCode}`, { ...seen, exit_code: exitCode });
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof PaasError) return { passed: undefined };
    throw error;
  }
}

/** What the kernel said of a connection, in words. */
function describeConnectError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'refused the connection';
    case 'ECONNRESET':
      return 'closed the connection without an answer';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return 'could not be reached';
    default:
      return code.startsWith('HPE_') ? 'did not answer in HTTP' : `could not be asked (${code || 'error'})`;
  }
}

/** The first 200 bytes as text in one line, control characters made visible. */
function shown(body: Buffer): string {
  const text = body.subarray(0, SHOWN_BYTES).toString('utf8');
  const quoted = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return body.length > SHOWN_BYTES ? `${quoted}…` : quoted;
}

function rangeText({ minStatus, maxStatus }: HttpProbe): string {
  return minStatus === maxStatus ? String(minStatus) : `${minStatus}-${maxStatus}`;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
